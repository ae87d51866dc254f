import type { Json } from '../call.ts'

/**
 * One spelling for one JSON value, after RFC 8785: members sorted by UTF-16 code units, no white space, numbers as
 * ECMAScript writes them (so -0 is 0). Throws TypeError for what JSON cannot say (undefined, NaN, functions, dates,
 * lone surrogates): two different values must never share a spelling.
 */
export function canonicalJson(value: Json): string {
  const parts: string[] = []
  append(value, parts)
  return parts.join('')
}

function append(value: unknown, parts: string[]): void {
  if (value === null || typeof value === 'boolean') {
    parts.push(String(value))
  } else if (typeof value === 'string') {
    parts.push(quote(value))
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('JSON has no number for NaN or Infinity')
    parts.push(JSON.stringify(value))
  } else if (Array.isArray(value)) {
    parts.push('[')
    // By index, not by iteration: a hole must be an error, not a shorter list.
    for (let index = 0; index < value.length; index += 1) {
      if (index > 0) parts.push(',')
      append(value[index], parts)
    }
    parts.push(']')
  } else if (isPlainObject(value)) {
    parts.push('{')
    for (const [index, name] of Object.keys(value).sort(byCodeUnit).entries()) {
      if (index > 0) parts.push(',')
      parts.push(quote(name), ':')
      append(value[name], parts)
    }
    parts.push('}')
  } else {
    throw new TypeError(`JSON has no form for ${typeof value}`)
  }
}

function quote(text: string): string {
  // UTF-8 writes every lone surrogate as U+FFFD, so two different texts would have one digest.
  if (/\p{Surrogate}/u.test(text)) throw new TypeError('JSON text with a lone surrogate')
  return JSON.stringify(text)
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
