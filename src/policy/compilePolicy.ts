import { checkShape } from '../settings/checkShape.ts'
import type { Problem } from '../settings/configError.ts'
import { suggest } from '../settings/nearest.ts'
import type { YamlFile } from '../settings/readYaml.ts'
import { sameCase } from '../settings/sameCase.ts'
import { selects } from './bindPolicy.ts'
import { compileRule } from './compileRule.ts'
import { findLapsing, findShadowed } from './findShadowed.ts'
import type { ConnectionSelector, Policy, PolicySubjects, Rule } from './policySet.ts'
import { type JudgedTool, type PolicyFile, policyFile } from './settings.ts'

/** The names that policies may use. The configuration knows them; it must have been checked already. */
export interface PolicyContext {
  readonly tools: readonly JudgedTool[]
  /** Alias -> directory object id. */
  readonly groups: ReadonlyMap<string, string>
  readonly connections: ReadonlyMap<
    string,
    { readonly type: string; readonly labels: Readonly<Record<string, string>> }
  >
  /** Names of the identity providers. */
  readonly providers: readonly string[]
  /** Names of the reviewer sets. */
  readonly reviewers: readonly string[]
  readonly defaultReviewers: string | undefined
}

interface Compiled {
  /** Undefined when there are problems. */
  readonly policy: Policy | undefined
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/** Turns one policy file into a policy, or into everything that is wrong with it. */
export function compilePolicy(yaml: YamlFile, context: PolicyContext): Compiled {
  const checked = checkShape(policyFile(context.tools.map(({ match }) => match)), yaml)
  if (!checked.ok) return { policy: undefined, problems: checked.problems, warnings: [] }
  const settings = checked.value
  const warnings: Problem[] = []

  const bound = compileSubjects(settings, yaml, context)
  const selected = compileConnections(settings, yaml, context)
  warnings.push(...bound.warnings, ...selected.warnings)
  const problems: Problem[] = [...bound.problems, ...selected.problems]

  const rules: Rule[] = []
  settings.rules.forEach((written, index) => {
    const compiled = compileRule(written, index, { yaml, tools: selected.tools, reviewers: context.reviewers })
    problems.push(...compiled.problems)
    if (compiled.rule === undefined) return
    const { name } = compiled.rule
    if (rules.some((other) => other.name === name)) {
      problems.push({ ...yaml.placeOf(['rules', index, 'name']), message: `another rule has the name "${name}"` })
    }
    rules.push(compiled.rule)
    if (written.action === 'require-approval' && !written.approval?.reviewers && !context.defaultReviewers) {
      const message = 'nobody can approve this: the rule names no reviewers, and approvals.defaultReviewers is not set'
      warnings.push({ ...compiled.rule.place, message })
    }
    const impossible = findImpossible(compiled.rule, settings)
    if (impossible !== undefined) problems.push({ ...yaml.placeOf(['rules', index, 'match']), message: impossible })
  })
  problems.push(...findShadowed(rules))
  warnings.push(...findLapsing(rules))
  if (problems.length > 0) return { policy: undefined, problems, warnings }
  const policy: Policy = {
    name: settings.policy,
    subjects: bound.subjects,
    connections: selected.selectors,
    rules,
    record: settings.record ?? false,
    place: yaml.placeOf(['policy']),
  }
  return { policy, problems, warnings }
}

/** Circumstances that never come about in this policy. Labels may come with a reload; kinds of callers do not. */
function findImpossible({ circumstances }: Rule, { subjects }: PolicyFile): string | undefined {
  const { kinds } = circumstances
  if (kinds === undefined || subjects?.kinds === undefined) return undefined
  if (kinds.some((kind) => subjects.kinds?.includes(kind))) return undefined
  return `this rule can never match: the policy is for callers of kind ${subjects.kinds.join(', ')} only`
}

function compileSubjects(settings: PolicyFile, yaml: YamlFile, { groups, providers }: PolicyContext) {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const { subjects } = settings
  const idOf = (alias: string) => {
    const id = groups.get(alias)
    return id === undefined ? [] : [{ alias, id: sameCase(id) }]
  }
  if (subjects === undefined) {
    const bound = idOf(settings.policy)
    if (bound.length === 0) {
      const message = `no group alias is called "${settings.policy}", so this policy binds to the app role of that name only`
      warnings.push({ ...yaml.placeOf(['policy']), message })
    }
    const implied: PolicySubjects = { ...NOBODY, groups: bound, roles: [settings.policy] }
    return { subjects: implied, problems, warnings }
  }
  subjects.groups?.forEach((alias, index) => {
    if (groups.has(alias)) return
    const message = `no group alias is called "${alias}"${suggest(alias, [...groups.keys()])}`
    problems.push({ ...yaml.placeOf(['subjects', 'groups', index]), message })
  })
  subjects.providers?.forEach((provider, index) => {
    if (providers.includes(provider)) return
    const message = `no identity provider is called "${provider}"${suggest(provider, providers)}`
    problems.push({ ...yaml.placeOf(['subjects', 'providers', index]), message })
  })
  const lists = [subjects.groups, subjects.apps, subjects.roles, subjects.callers]
  const anyone = lists.every((list) => list === undefined)
  if (anyone ? subjects.kinds === undefined : lists.every((list) => !list?.length)) {
    const message = 'this policy binds to nobody: name groups, apps, roles or callers, or only kinds'
    problems.push({ ...yaml.placeOfKey(['subjects']), message })
  }
  const compiled: PolicySubjects = {
    groups: (subjects.groups ?? []).flatMap(idOf),
    apps: (subjects.apps ?? []).map(sameCase),
    roles: subjects.roles ?? [],
    callers: (subjects.callers ?? []).map(sameCase),
    anyone,
    kinds: subjects.kinds,
    providers: subjects.providers,
  }
  return { subjects: compiled, problems, warnings }
}

const NOBODY: PolicySubjects = {
  groups: [],
  apps: [],
  roles: [],
  callers: [],
  anyone: false,
  kinds: undefined,
  providers: undefined,
}

function compileConnections(settings: PolicyFile, yaml: YamlFile, { connections, tools }: PolicyContext) {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const selectors: ConnectionSelector[] = []
  const types = new Set<string>()
  const select = (selector: ConnectionSelector, path: readonly PropertyKey[]) => {
    const found = [...connections].filter(([name, { labels }]) => selects(selector, { name, labels }))
    for (const [, { type }] of found) types.add(type)
    selectors.push(selector)
    if (found.length > 0) return
    if ('name' in selector) {
      const message = `no connection is called "${selector.name}"${suggest(selector.name, [...connections.keys()])}`
      problems.push({ ...yaml.placeOf(path), message })
    } else {
      warnings.push({ ...yaml.placeOf(path), message: 'no connection has these labels' })
      // It may get one by a reload; until then its rules are held against every tool.
      for (const { connectionType } of tools) types.add(connectionType)
    }
  }

  const { connection, connections: several } = settings
  if (connection !== undefined) select({ name: connection }, ['connection'])
  if (Array.isArray(several)) {
    several.forEach((written, index) => {
      select(typeof written === 'string' ? { name: written } : written, ['connections', index])
    })
  } else if (several !== undefined) {
    select(several, ['connections'])
  }
  if (connection !== undefined && several !== undefined) {
    problems.push({ ...yaml.placeOfKey(['connections']), message: 'write either "connection" or "connections"' })
  }
  if (connection === undefined && several === undefined) {
    problems.push({
      ...yaml.placeOfKey(['policy']),
      message: 'say which "connection" (or "connections") this is about',
    })
  }
  // With a name that does not exist there is no telling which tools were meant; one mistake is reported, not ten.
  const concerned = tools.filter(({ connectionType }) => types.size === 0 || types.has(connectionType))
  return { selectors, tools: concerned, problems, warnings }
}
