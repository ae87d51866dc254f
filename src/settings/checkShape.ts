import type * as z from 'zod'
import { ConfigError, type Problem } from './configError.ts'
import { suggest } from './nearest.ts'
import type { YamlFile } from './readYaml.ts'
import { inside, keysAt, optionsAt } from './schemaKeys.ts'

type Path = readonly PropertyKey[]
type Issue = z.core.$ZodIssue

type Checked<Output> =
  | { readonly ok: true; readonly value: Output }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/**
 * Holds what a file says against its schema; `base` names a part of the file, when only that part is meant. Every
 * problem has a position, names the path, and lists what is allowed. Values of the file are never repeated: somebody
 * may have pasted a secret where a reference belongs.
 */
export function checkShape<Output>(schema: z.ZodType<Output>, yaml: YamlFile, base: Path = []): Checked<Output> {
  const value = base.reduce(inside, yaml.value)
  const result = schema.safeParse(value, { error: sentenceFor, reportInput: true })
  if (result.success) return { ok: true, value: result.data }
  return { ok: false, problems: problemsOf(result.error.issues, { schema, value, base, yaml }) }
}

/** The same for a file that is of no use otherwise: throws a ConfigError with every problem. */
export function requireShape<Output>(schema: z.ZodType<Output>, yaml: YamlFile): Output {
  const checked = checkShape(schema, yaml)
  if (!checked.ok) throw new ConfigError(checked.problems)
  return checked.value
}

/** A schema, the part of the file that it describes, and where that part stands. */
interface Spot {
  readonly schema: z.core.$ZodType
  readonly value: unknown
  readonly base: Path
  readonly yaml: YamlFile
}

function problemsOf(issues: readonly Issue[], spot: Spot): Problem[] {
  // Branches of a union may say the same thing twice.
  const seen = new Map(
    issues
      .flatMap((issue) => fromIssue(issue, spot))
      .map((problem) => [`${problem.line}:${problem.column}:${problem.message}`, problem]),
  )
  return [...seen.values()]
}

function fromIssue(issue: Issue, spot: Spot): Problem[] {
  const path = [...spot.base, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    return unknownKeys(issue.keys, keysAt(spot.schema, issue.path, spot.value), path, spot.yaml)
  }
  if (issue.code === 'invalid_key') {
    const why = issue.issues.map(({ message }) => asExpectation(message)).join('; ')
    const message = `${nameOf(path.slice(0, -1))}this name is not allowed: ${why}`
    return [{ ...spot.yaml.placeOfKey(path), message }]
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return fromUnion(issue, spot)
  // The sentences of refinements stand as they were written.
  const message = issue.code === 'custom' ? issue.message : asExpectation(issue.message)
  return [{ ...spot.yaml.placeOf(path), message: `${nameOf(path)}${message}` }]
}

/** Reports the branch that the author most likely meant: the one whose kind of value fits, with the least to correct. */
function fromUnion(issue: Extract<Issue, { code: 'invalid_union' }>, { schema, value, base, yaml }: Spot): Problem[] {
  const path = [...base, ...issue.path]
  const say = (message: string): Problem[] => [{ ...yaml.placeOf(path), message: `${nameOf(path)}${message}` }]
  const options = optionsAt(schema, issue.path, value)
  const branches = issue.errors.flatMap((issues, index) => {
    const option = options[index]
    return option === undefined ? [] : [{ issues, spot: { schema: option, value: issue.input, base: path, yaml } }]
  })
  if (issue.input === undefined) return say('required, and missing')
  const fitting = branches.filter(({ issues }) => !issues.some(isOtherKind))
  if (fitting.length === 0) {
    const wanted = new Set(issue.errors.flat().flatMap(wantedKinds))
    return say(`expected ${[...wanted].join(' or ')}, found ${kindOf(issue.input)}`)
  }
  const fewest = Math.min(...fitting.map(({ issues }) => issues.length))
  const best = fitting.filter(({ issues }) => issues.length === fewest)
  const [only, other] = best
  if (only !== undefined && other === undefined) return problemsOf(only.issues, only.spot)

  const keys = [...new Set(best.flatMap(({ spot }) => keysAt(spot.schema, [], issue.input)))]
  const strangers = best
    .flatMap(({ issues }) => issues.flatMap((inner) => (inner.code === 'unrecognized_keys' ? inner.keys : [])))
    .filter((key) => !keys.includes(key))
  if (strangers.length > 0) return unknownKeys([...new Set(strangers)], keys, path, yaml)
  if (keys.length > 0) return say(`expected exactly one of the keys ${keys.join(', ')}`)
  const sentences = new Set(best.flatMap(({ issues }) => issues.map(({ message }) => message)))
  return say(asExpectation([...sentences].join(', or ')))
}

/** The issue is about the kind of the value itself, not about something in it. */
function isOtherKind(issue: Issue): boolean {
  if (issue.path.length > 0) return false
  return issue.code === 'invalid_union'
    ? issue.errors.length > 0 && issue.errors.every((branch) => branch.some(isOtherKind))
    : issue.code === 'invalid_type'
}

function wantedKinds(issue: Issue): string[] {
  if (issue.path.length > 0) return []
  if (issue.code === 'invalid_union') return issue.errors.flat().flatMap(wantedKinds)
  return issue.code === 'invalid_type' ? [wordFor(issue.expected)] : []
}

function unknownKeys(keys: readonly string[], allowed: readonly string[], path: Path, yaml: YamlFile): Problem[] {
  return keys.map((key) => ({
    ...yaml.placeOfKey([...path, key]),
    message: `${nameOf(path)}unknown key "${printable(key)}"${suggest(key, allowed)}`,
  }))
}

/** Messages for what schemas do not word themselves. */
function sentenceFor(issue: z.core.$ZodRawIssue): string | undefined {
  const { input } = issue
  switch (issue.code) {
    case 'invalid_type':
      return input === undefined
        ? `required, and missing (expected ${wordFor(String(issue.expected))})`
        : `expected ${wordFor(String(issue.expected))}, found ${kindOf(input)}`
    case 'invalid_value': {
      const allowed = (issue.values as readonly unknown[]).map(String)
      return `${input === undefined ? 'required, and missing' : 'not an allowed value'}${suggest(typeof input === 'string' ? input : undefined, allowed)}`
    }
    case 'invalid_union': {
      const allowed = Array.isArray(issue.options) ? issue.options.map(String) : []
      return allowed.length > 0
        ? `not an allowed value${suggest(undefined, allowed)}`
        : 'fits none of the allowed forms'
    }
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `must be at least ${String(issue.minimum)}`
        : `must have at least ${String(issue.minimum)} ${issue.origin === 'string' ? 'character' : 'entry'}`
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `must be at most ${String(issue.maximum)}`
        : `must have at most ${String(issue.maximum)} ${issue.origin === 'string' ? 'characters' : 'entries'}`
    case 'invalid_format':
      return `expected text of the form ${issue.format === 'regex' ? String(issue.pattern) : String(issue.format)}`
    default:
      return undefined
  }
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'nothing',
}

function wordFor(expected: string): string {
  return WORDS[expected] ?? expected
}

function kindOf(input: unknown): string {
  if (input === null || input === undefined) return 'nothing'
  if (Array.isArray(input)) return 'a list'
  return WORDS[typeof input] ?? typeof input
}

/** Schemas word their own messages as what is wanted: "a duration with a unit". */
function asExpectation(message: string): string {
  return /^(a|an|the) /.test(message) ? `expected ${message}` : message
}

/** `identity[1].authority: `, for the start of a message; empty for the whole file. Lists count from 1. */
export function nameOf(path: Path): string {
  let name = ''
  for (const segment of path) {
    name += typeof segment === 'number' ? `[${segment + 1}]` : `${name === '' ? '' : '.'}${printable(String(segment))}`
  }
  return name === '' ? '' : `${name}: `
}

/** Keys come from the file: no control characters into a terminal, no novel into a message. */
function printable(text: string): string {
  const clean = [...text].map((char) => (/[\p{C}\p{Zl}\p{Zp}]/u.test(char) ? '?' : char)).join('')
  return clean.length > 60 ? `${clean.slice(0, 60)}...` : clean
}
