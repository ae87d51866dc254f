import * as z from 'zod'
import type { Action, Fact, Json } from '../../call.ts'
import { GateError } from '../../errors.ts'
import { matchesGlob } from '../../settings/glob.ts'
import type { MatchKey } from '../tool.ts'
import { isInside, POINTER_RULE, readPointer } from './findPointers.ts'
import { matchesPath, mayMatchPath } from './matchPath.ts'
import { normalizePath } from './normalizePath.ts'
import type { QueryPairs } from './readQuery.ts'
import { METHODS } from './settings.ts'

const texts = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.array(schema).min(1)])

const pathGlob = z.string().superRefine((glob, context) => {
  const problem = pathGlobProblem(glob)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

/** What a body rule compares with: texts compare exactly, and so do numbers. */
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])

/**
 * What a rule for http_request can name beside the operation. Rules that open compare exactly. Rules that close compare
 * as a careless server reads: without case, and with anything they cannot look into.
 */
export const MATCH_KEYS: Readonly<Record<string, MatchKey>> = {
  method: {
    schema: texts(z.enum(METHODS)),
    describe: 'a method or a list of methods',
    matches: (wanted, fact) => typeof fact === 'string' && listOf<string>(wanted).includes(fact),
  },
  path: {
    schema: texts(pathGlob),
    describe: 'a glob, or a list of globs, over the path below the base URL, such as /builds/**',
    matches: (wanted, fact, action) => {
      const matches = action === 'deny' ? mayMatchPath : matchesPath
      return typeof fact === 'string' && listOf<string>(wanted).some((glob) => matches(glob, fact))
    },
  },
  query: {
    schema: z.record(z.string().min(1), texts(z.string())),
    describe: 'a mapping of query keys to globs; a key that ends in ? may be missing, and others may not be there',
    matches: (wanted, fact, action) =>
      Array.isArray(fact) &&
      matchesQuery(wanted as Readonly<Record<string, string | readonly string[]>>, pairsOf(fact), action),
  },
  bodyMatches: {
    schema: z
      .record(z.string().regex(POINTER_RULE, 'a JSON pointer such as /inputs/environment'), texts(scalar))
      .refine((pointers) => Object.keys(pointers).length > 0, 'at least one JSON pointer'),
    describe: 'a mapping of JSON pointers into the body to a value, or a list of values, of which one must be there',
    matches: (wanted, fact, action) => matchesBody(wanted as BodyRules, fact, action),
  },
  bodyKeys: {
    schema: z.array(z.string().regex(POINTER_RULE, 'a JSON pointer such as /inputs/environment')),
    describe: 'a list of JSON pointers: nothing else may be in the body; an empty list is no body',
    matches: (wanted, fact, action) => matchesKeys(wanted as readonly string[], fact, action),
  },
}

/** How a query is handed to policy: `key=value`, where `=` and `%` in the key are percent-encoded. */
export function queryFact(pairs: QueryPairs): readonly string[] {
  return pairs.map(([key, value]) => `${key.replaceAll('%', '%25').replaceAll('=', '%3D')}=${value}`)
}

function pairsOf(fact: readonly string[]): QueryPairs {
  return fact.map((pair) => {
    const end = pair.indexOf('=')
    return [pair.slice(0, end).replaceAll('%3D', '=').replaceAll('%25', '%'), pair.slice(end + 1)]
  })
}

function matchesQuery(
  wanted: Readonly<Record<string, string | readonly string[]>>,
  pairs: QueryPairs,
  action: Action,
): boolean {
  const rules = Object.entries(wanted).map(([written, globs]) => ({
    key: written.replace(/\?$/, ''),
    isOptional: written.endsWith('?'),
    globs: listOf<string>(globs),
  }))
  if (action === 'deny') {
    return rules.every(
      ({ key, globs, isOptional }) =>
        isOptional ||
        pairs.some(
          ([found, value]) => isAlikeKey(found, key) && globs.some((glob) => matchesGlob(fold(glob), fold(value))),
        ),
    )
  }
  const isCovered = pairs.every(([key, value]) =>
    rules.some((rule) => rule.key === key && rule.globs.some((glob) => matchesGlob(glob, value))),
  )
  return isCovered && rules.every(({ key, isOptional }) => isOptional || pairs.some(([each]) => each === key))
}

/** Frameworks read `ref[]` and `ref[0]` as `ref`. */
const isAlikeKey = (key: string, wanted: string): boolean => {
  const [name = ''] = fold(key).trim().split('[')
  return fold(key) === fold(wanted) || name === fold(wanted)
}

type BodyRules = Readonly<Record<string, z.infer<typeof scalar> | readonly z.infer<typeof scalar>[]>>

function matchesBody(wanted: BodyRules, fact: Fact | undefined, action: Action): boolean {
  if (fact === undefined) return false
  const body = typeof fact === 'string' ? parsed(fact) : undefined
  // A text: no rule sees into it, so it covers nothing and may be anything. So may JSON that is a text.
  if (body === undefined || typeof body === 'string') return action === 'deny'
  const rules = Object.entries(wanted).map(([pointer, values]) => ({ pointer, values: listOf<Json>(values) }))
  if (action === 'deny') {
    return rules.every(({ pointer, values }) =>
      readPointer(body, pointer)
        .alike.flatMap(scalarsOf)
        .some((found) => values.some((value) => isAlike(value, found))),
    )
  }
  return rules.every(({ pointer, values }) => {
    const { exact, alike } = readPointer(body, pointer)
    // A server that does not tell `Env` from `env` may take either: all of them must be as wanted.
    return exact !== undefined && alike.every((found) => values.includes(found))
  })
}

/** A text has keys that nobody sees. */
export const UNSEEN_KEYS = '(text)'

function matchesKeys(pointers: readonly string[], fact: Fact | undefined, action: Action): boolean {
  if (fact === UNSEEN_KEYS) return action === 'deny'
  if (!Array.isArray(fact)) return false
  if (action === 'deny') {
    // `bodyKeys: []` names nothing that could be looked for: the rest of the rule decides.
    return (
      pointers.length === 0 || fact.some((found) => pointers.some((pointer) => isInside(fold(pointer), fold(found))))
    )
  }
  return fact.every((found) => pointers.some((pointer) => isInside(pointer, found)))
}

/** A list that holds the value is taken for it: some servers read `["prod"]` as `prod`, and of several the last. */
function scalarsOf(value: Json): readonly Json[] {
  return Array.isArray(value) ? value.flatMap(scalarsOf) : [value]
}

/** Without case, spaces at the ends, and the difference between a value and its text; `true` has many names. */
function isAlike(wanted: Json, found: Json): boolean {
  const [left, right] = [fold(String(wanted)).trim(), fold(String(found)).trim()]
  return left === right || (left === 'true' && TRUE.has(right)) || (left === 'false' && FALSE.has(right))
}

const TRUE = new Set(['1', 'on', 'yes', 'y', 't'])
const FALSE = new Set(['0', 'off', 'no', 'n', 'f', ''])

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

const fold = (text: string): string => text.toUpperCase().toLowerCase()

function listOf<Value>(wanted: unknown): readonly Value[] {
  return (Array.isArray(wanted) ? wanted : [wanted]) as readonly Value[]
}

/** A glob that no path can ever match, or that does not mean what it seems to, is a mistake. */
function pathGlobProblem(glob: string): string | undefined {
  if (!glob.startsWith('/')) return 'a path below the base URL, starting with /'
  const segments = glob.slice(1).split('/')
  if (segments.some((segment) => segment.includes('**') && segment !== '**'))
    return '** stands for whole segments: /builds/**'
  const plain = glob.replaceAll('*', 'x')
  try {
    return normalizePath(plain).path === plain ? undefined : 'write the path decoded, without dot segments'
  } catch (error) {
    return `no path can be like this: ${error instanceof GateError ? error.detail : 'it is not plain'}`
  }
}
