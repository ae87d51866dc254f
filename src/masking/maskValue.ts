import type { Json } from '../call.ts'
import type { Masker } from './masker.ts'
import { replaceSpans } from './span.ts'

/** Told about everything that was hidden. */
export type OnHidden = (why: string) => void

/** RFC 7517, RFC 7518: the members of a JSON Web Key that are private. `k` is the whole of a symmetric key. */
const PRIVATE_JWK_MEMBERS = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])

/** The smallest number with as many digits as a payment card has. Below it numbers cost one comparison. */
const SMALLEST_CARD = 10 ** 13

/**
 * A rendered value with every secret in it replaced: in strings, in the strings inside arrays and objects, in object
 * keys, and in text that is itself JSON. Numbers are looked at as digits, because a card number in a `bigint` is one
 * all the same. `name` is the column or key the value stands under.
 */
export function maskValue(value: Json, name: string, masker: Masker, onHidden: OnHidden): Json {
  if (typeof value === 'string') return maskString(value, name, masker, onHidden)
  if (typeof value === 'number') {
    if (Math.abs(value) < SMALLEST_CARD) return value
    const digits = String(value)
    const masked = maskString(digits, name, masker, onHidden)
    return masked === digits ? value : masked
  }
  if (value === null || typeof value === 'boolean') return value
  if (isList(value)) return value.map((element) => maskValue(element, name, masker, onHidden))
  return maskRecord(value, masker, onHidden)
}

/** One text with every secret in it replaced. */
export function maskString(text: string, name: string | undefined, masker: Masker, onHidden: OnHidden): string {
  const inner = maskJsonText(text, name ?? '', masker, onHidden)
  const spans = masker.findIn(inner, name)
  if (spans.length === 0) return inner
  for (const { why } of spans) onHidden(why)
  return replaceSpans(inner, spans)
}

function maskRecord(record: { readonly [name: string]: Json }, masker: Masker, onHidden: OnHidden): Json {
  const isKey = typeof record.kty === 'string'
  const masked = new Map<string, Json>()
  const unusedKey = keepApart(masked)
  for (const [key, value] of Object.entries(record)) {
    const shownKey = unusedKey(maskString(key, undefined, masker, onHidden))
    if (isKey && PRIVATE_JWK_MEMBERS.has(key) && typeof value === 'string') {
      onHidden('jwk-private-key')
      masked.set(shownKey, '[masked:jwk-private-key]')
    } else masked.set(shownKey, maskValue(value, key, masker, onHidden))
  }
  return Object.fromEntries(masked)
}

/** Text that is JSON is judged as what it says: escapes such as `\u0041` hide nothing there. */
function maskJsonText(text: string, name: string, masker: Masker, onHidden: OnHidden): string {
  // Not every bracket is worth a try: placeholders begin with one, and there may be thousands.
  if (!/^\s{0,64}(?:\[\s{0,64}["[{\]\d\-tfn]|\{\s{0,64}["}])/.test(text)) return text
  let hidden = false
  const masked = maskValue(parsed(text), name, masker, (why) => {
    hidden = true
    onHidden(why)
  })
  return hidden ? JSON.stringify(masked) : text
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON after all (a PostgreSQL array, a log line): the text as such is judged by the caller.
    return null
  }
}

/** Two keys that are both hidden must both stay. Counts on from the last one: there may be thousands of them. */
function keepApart(taken: ReadonlyMap<string, unknown>): (key: string) => string {
  const last = new Map<string, number>()
  return (key) => {
    let candidate = key
    for (let n = last.get(key) ?? 1; taken.has(candidate); last.set(key, n)) candidate = `${key} (${++n})`
    return candidate
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
