import { checkShape } from '../settings/checkShape.ts'
import type { Problem } from '../settings/configError.ts'
import { suggest } from '../settings/nearest.ts'
import type { YamlFile } from '../settings/readYaml.ts'
import type { Circumstances } from './circumstances.ts'
import { isInVocabulary } from './operationPattern.ts'
import type { Condition, Rule, RuleApproval } from './policySet.ts'
import { CIRCUMSTANCES, type JudgedTool, type RuleSettings } from './settings.ts'

/** What the rules of one policy are checked against. */
export interface RuleContext {
  readonly yaml: YamlFile
  /** The tools of the connections that the policy is about. */
  readonly tools: readonly JudgedTool[]
  /** Names of reviewer sets. */
  readonly reviewers: readonly string[]
}

/** A rule with its match resolved against the tools it speaks about, or everything that is wrong with it. */
export function compileRule(
  settings: RuleSettings,
  index: number,
  context: RuleContext,
): { readonly rule: Rule | undefined; readonly problems: readonly Problem[] } {
  const { yaml } = context
  const path = ['rules', index]
  const problems: Problem[] = [
    ...checkOperations(settings, [...path, 'match'], context),
    ...checkApproval(settings, [...path, 'approval'], context),
    ...checkRate(settings, [...path, 'match'], context),
  ]
  const { conditions, problems: found } = compileConditions(settings, [...path, 'match'], context)
  problems.push(...found)
  if (problems.length > 0) return { rule: undefined, problems }
  const rule: Rule = {
    name: settings.name ?? String(index + 1),
    action: settings.action,
    operations: operationsOf(settings)?.flatMap(({ names }) => names),
    conditions,
    circumstances: circumstancesOf(settings),
    approval: termsOf(settings),
    message: settings.message,
    place: yaml.placeOf(path),
  }
  return { rule, problems }
}

function circumstancesOf({ match }: RuleSettings): Circumstances {
  if (typeof match === 'string' || Array.isArray(match)) return {}
  const { kinds, labels, during, atMost } = match
  return { kinds, labels, during: during === undefined || Array.isArray(during) ? during : [during], atMost }
}

/** A denial that ends after so many calls would open what it denies. */
function checkRate({ match, action }: RuleSettings, path: readonly PropertyKey[], { yaml }: RuleContext): Problem[] {
  if (action !== 'deny' || typeof match === 'string' || Array.isArray(match) || match.atMost === undefined) return []
  const message = '"atMost" belongs to rules that open something: a deny rule denies every time'
  return [{ ...yaml.placeOfKey([...path, 'atMost']), message }]
}

function termsOf({ approval }: RuleSettings): RuleApproval {
  const reviewers = approval?.reviewers
  return {
    reviewers: typeof reviewers === 'string' ? [reviewers] : reviewers,
    ttlMs: approval?.ttl,
    preview: approval?.preview ?? 'wanted',
    maxRows: approval?.maxRows,
    reason: approval?.reason ?? 'optional',
    ...(approval?.escalation !== undefined && { escalation: escalationOf(approval.escalation) }),
  }
}

function escalationOf(written: NonNullable<NonNullable<RuleSettings['approval']>['escalation']>) {
  return written === 'none' ? written : { afterMs: written.after, to: written.to }
}

/** Every written text with the names in it (`DELETE|DROP`) and its path below `match`; undefined when none is written. */
function operationsOf({ match }: RuleSettings) {
  const written = typeof match === 'string' || Array.isArray(match) ? match : match.operation
  const above = typeof match === 'string' || Array.isArray(match) ? [] : ['operation']
  if (written === undefined) return undefined
  const texts =
    typeof written === 'string'
      ? [{ text: written, path: above }]
      : written.map((text, index) => ({ text, path: [...above, index] }))
  return texts.map(({ text, path }) => ({ path, names: text.split('|').map((part) => part.trim()) }))
}

function checkOperations(
  settings: RuleSettings,
  path: readonly PropertyKey[],
  { yaml, tools }: RuleContext,
): Problem[] {
  const written = operationsOf(settings)
  if (written === undefined) {
    if (settings.action === 'deny') return []
    const message = `name the operations that this rule opens: only a deny rule may leave "operation" out`
    return [{ ...yaml.placeOf(path), message }]
  }
  const vocabulary = [...new Set(tools.flatMap(({ operations }) => operations))]
  return written.flatMap(({ names, path: below }) =>
    names
      .filter((operation) => !isInVocabulary(operation, vocabulary))
      .map((operation) => ({
        ...yaml.placeOf([...path, ...below]),
        message: wordUnknown(operation, vocabulary),
      })),
  )
}

function wordUnknown(operation: string, vocabulary: readonly string[]): string {
  if (operation === '') return 'an operation is missing beside "|"'
  if (operation === '*') return 'name the operations: "*" is not one, and what no rule names is denied already'
  return `no tool of these connections has the operation "${operation}"${suggest(operation, vocabulary)}`
}

function checkApproval(
  settings: RuleSettings,
  path: readonly PropertyKey[],
  { yaml, reviewers }: RuleContext,
): Problem[] {
  if (settings.approval === undefined) return []
  if (settings.action !== 'require-approval') {
    return [{ ...yaml.placeOfKey(path), message: `"approval" belongs to rules with action: require-approval` }]
  }
  const { reviewers: named = [], escalation } = settings.approval
  const asked =
    typeof named === 'string'
      ? [{ set: named, path: ['reviewers'] }]
      : named.map((set, index) => ({ set, path: ['reviewers', index] }))
  const next =
    escalation === undefined || escalation === 'none' ? [] : [{ set: escalation.to, path: ['escalation', 'to'] }]
  return [...asked, ...next]
    .filter(({ set }) => !reviewers.includes(set))
    .map(({ set, path: below }) => ({
      ...yaml.placeOf([...path, ...below]),
      message: `no reviewer set has the name "${set}"${suggest(set, reviewers)}`,
    }))
}

function compileConditions(settings: RuleSettings, path: readonly PropertyKey[], context: RuleContext) {
  const { yaml, tools } = context
  const { match } = settings
  const conditions = new Map<string, readonly Condition[]>()
  const problems: Problem[] = []
  const written = operationsOf(settings)?.flatMap(({ names }) => names)
  const named = typeof match === 'string' || Array.isArray(match) ? ['operation'] : Object.keys(match)
  const keys = named.filter((key) => key !== 'operation' && !CIRCUMSTANCES.includes(key))

  if (named.length === 0) {
    problems.push({ ...yaml.placeOf(path), message: 'this match names nothing' })
  }
  const allowed = [...new Set(tools.flatMap((tool) => Object.keys(tool.match)))]
  for (const key of keys.filter((name) => !allowed.includes(name))) {
    const message = `no tool of these connections can match on "${key}"${suggest(key, ['operation', ...allowed, ...CIRCUMSTANCES])}`
    problems.push({ ...yaml.placeOfKey([...path, key]), message })
  }
  // A value that one tool refuses may be right for another; it is wrong when no tool is left that takes all of them.
  const refused: Problem[] = []
  for (const tool of tools) {
    const speaks = written === undefined || written.some((operation) => isInVocabulary(operation, tool.operations))
    if (!speaks || !keys.every((key) => Object.hasOwn(tool.match, key))) continue
    const compiled = keys.map((key) => compileCondition(tool, key, yaml, path))
    const wrong = compiled.flatMap((result) => ('problems' in result ? result.problems : []))
    refused.push(...wrong)
    if (wrong.length === 0)
      conditions.set(
        tool.name,
        compiled.flatMap((result) => ('key' in result ? [result] : [])),
      )
  }
  const known =
    written?.every((operation) => tools.some((tool) => isInVocabulary(operation, tool.operations))) !== false
  if (conditions.size === 0 && problems.length === 0 && known) {
    const message = 'no tool of these connections knows this combination of operations and keys'
    problems.push(...(refused.length > 0 ? refused : [{ ...yaml.placeOf(path), message }]))
  }
  return { conditions, problems }
}

function compileCondition(
  tool: JudgedTool,
  key: string,
  yaml: YamlFile,
  path: readonly PropertyKey[],
): Condition | { readonly problems: readonly Problem[] } {
  const matchKey = tool.match[key]
  if (matchKey === undefined) throw new TypeError(`${tool.name} has no match key of that name`)
  const checked = checkShape(matchKey.schema, yaml, [...path, key])
  if (!checked.ok) return { problems: checked.problems }
  return { key, wanted: checked.value, matches: (wanted, fact, action) => matchKey.matches(wanted, fact, action) }
}
