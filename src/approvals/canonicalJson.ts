import type { Json } from '../call.ts'

/**
 * One spelling for one JSON value, after RFC 8785: members sorted by UTF-16 code units, no white space, numbers as
 * ECMAScript writes them (so -0 is 0). Throws TypeError for what JSON cannot say (undefined, NaN, functions, dates,
 * lone surrogates): two different values must never share a spelling.
 */
export function canonicalJson(value: Json): string {
  return textOf(value)
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('JSON has no number for NaN or Infinity')
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) {
    let text = '['
    // By index, not by iteration: a hole must be an error, not a shorter list.
    for (let index = 0; index < value.length; index += 1) {
      if (index > 0) text += ','
      text += textOf(value[index])
    }
    return `${text}]`
  }
  if (!isPlainObject(value)) throw new TypeError(`JSON has no form for ${typeof value}`)
  let text = '{'
  for (const name of Object.keys(value).sort()) {
    if (text.length > 1) text += ','
    text += `${quote(name)}:${textOf(value[name])}`
  }
  return `${text}}`
}

/** Printable ASCII in which JSON escapes nothing: nearly every name and most values. */
const PLAIN = /^[ !#-[\]-~]*$/

function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  // UTF-8 writes every lone surrogate as U+FFFD, so two different texts would have one digest.
  if (!text.isWellFormed()) throw new TypeError('JSON text with a lone surrogate')
  return JSON.stringify(text)
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
