import type { Json } from '../call.ts'

/** Deeper values are refused: nothing an engineer reads is nested like this, and recursion has an end. */
const DEEPEST = 200

/**
 * A value from a target's driver as JSON, the same for the same value everywhere: no locale, no time zone of this host.
 *
 * Integers beyond 2^53 and everything a driver gives as text stay text, so that no digit is lost; NaN and infinities are
 * text; dates are ISO 8601 in UTC; bytes are `\x` and hex, as PostgreSQL writes them; intervals are ISO 8601 durations.
 *
 * @throws TypeError for functions, symbols and whatever else has no meaning as data.
 */
export function renderValue(value: unknown, depth = 0): Json {
  if (depth > DEEPEST) throw new TypeError('a value is nested too deeply')
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'undefined':
      return null
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
    case 'object':
      return value === null ? null : renderObject(value, depth)
    case 'function':
    case 'symbol':
      throw new TypeError('a value of this kind cannot be shown')
  }
}

function renderObject(value: object, depth: number): Json {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map((element) => renderValue(element, depth + 1))
  if (value instanceof Map || value instanceof Set) throw new TypeError('a collection cannot be shown')
  const duration = isoDurationOf(value)
  if (duration !== undefined) return duration
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, renderValue(inner, depth + 1)]))
}

/** pg's intervals are objects of a class with this method; parsed JSON never has a function in it. */
function isoDurationOf(value: object): string | undefined {
  if (!('toISOString' in value) || typeof value.toISOString !== 'function') return undefined
  const duration: unknown = value.toISOString()
  return typeof duration === 'string' ? duration : undefined
}
