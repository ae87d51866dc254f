import type { RatedRule } from '../call.ts'
import { ConfigError, type Problem, stopOn } from '../settings/configError.ts'
import { readYaml, type YamlFile } from '../settings/readYaml.ts'
import { compilePolicy, type PolicyContext } from './compilePolicy.ts'
import { ratedRuleOf } from './considerRules.ts'
import type { Policy, PolicySet } from './policySet.ts'
import { versionOf } from './versionOf.ts'

/**
 * Reads policy files, all or nothing. Throws a ConfigError with every problem of every file. The names of the files
 * stand in decisions and messages as they are given here.
 */
export async function loadPolicies(files: readonly string[], context: PolicyContext): Promise<PolicySet> {
  const problems: Problem[] = []
  const read: YamlFile[] = []
  for (const file of files) {
    try {
      read.push(await readYaml(file))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      problems.push(...error.problems)
    }
  }
  return compilePolicies(read, context, problems)
}

/** The same for files that are read already; `earlier` are problems to report together with what is found here. */
export function compilePolicies(
  files: readonly YamlFile[],
  context: PolicyContext,
  earlier: readonly Problem[] = [],
): PolicySet {
  const problems: Problem[] = [...earlier]
  const warnings: Problem[] = []
  const policies: Policy[] = []
  for (const yaml of files) {
    const compiled = compilePolicy(yaml, context)
    problems.push(...compiled.problems)
    warnings.push(...compiled.warnings)
    const { policy } = compiled
    if (policy === undefined) continue
    const other = policies.find(({ name }) => name === policy.name)
    if (other !== undefined) {
      const message = `the policy "${policy.name}" exists already, at ${other.place.file}:${other.place.line}`
      problems.push({ ...policy.place, message })
    }
    policies.push(policy)
  }
  stopOn(problems)
  const defaultReviewers = context.defaultReviewers === undefined ? undefined : [context.defaultReviewers]
  const rated = policies.flatMap(ratedRules)
  return { version: versionOf(policies, defaultReviewers), policies, defaultReviewers, rated, warnings }
}

function ratedRules({ name, rules }: Policy): RatedRule[] {
  return rules.flatMap((rule) => ratedRuleOf(name, rule) ?? [])
}
