import { GateError } from '../../errors.ts'

export type QueryPairs = readonly (readonly [key: string, value: string])[]

export type WrittenQuery = Readonly<Record<string, string | readonly string[]>>

const MAX_PAIRS = 200

/**
 * The query in the order it was given, one pair for each value.
 *
 * @throws GateError ERR_HTTP_REQUEST
 */
export function readQuery(query: WrittenQuery): QueryPairs {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    (typeof value === 'string' ? [value] : value).map((each) => [key, each] as const),
  )
  if (pairs.length > MAX_PAIRS) refuse(`query: more than ${MAX_PAIRS} values.`)
  for (const [key, value] of pairs) {
    if (key === '') refuse('query: a key is empty.')
    if (![key, value].every((text) => text.isWellFormed() && !/\p{Cc}/u.test(text))) {
      refuse('query: a control character, or half a character.')
    }
    if (isMethodOverride(key)) refuse('query: this key means another method to some servers.')
  }
  return pairs
}

/** As it is sent: everything but letters, digits and `-_.~` is percent-encoded, so it reads as one thing only. */
export function encodeQuery(pairs: QueryPairs): string {
  return pairs.map(([key, value]) => `${encode(key)}=${encode(value)}`).join('&')
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

/**
 * Keys by which frameworks let a POST be a DELETE, in queries and bodies. PHP reads spaces and dots in a key as `_`, and
 * cuts it at `[`.
 */
export function isMethodOverride(key: string): boolean {
  const [name = ''] = key.trim().toLowerCase().split('[')
  return METHOD_KEYS.has(name.replace(/[ ._]/g, '-'))
}

const METHOD_KEYS = new Set([
  '-method',
  '--method',
  '$method',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
])

function refuse(detail: string): never {
  throw new GateError('ERR_HTTP_REQUEST', { detail })
}
