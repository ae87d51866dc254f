import type { Json } from '../../call.ts'

/** Deeper than any API's answer; without it a small body could exhaust the stack of whatever walks the value. */
const MAX_DEPTH = 64

/** Why a text is not JSON that every reader reads alike. */
export type JsonProblem = 'syntax' | 'depth' | 'duplicate-key' | 'number'

export type ParsedJson =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly problem: JsonProblem }

/**
 * JSON (RFC 8259), strictly: one value, no key twice, at most 64 levels. A number that a double cannot hold is kept as
 * its text (`as-text`), or is a problem (`refuse`).
 */
export function parseJson(text: string, numbers: 'as-text' | 'refuse'): ParsedJson {
  const reader = new JsonReader(text, numbers)
  try {
    return { ok: true, value: reader.readAll() }
  } catch (error) {
    if (error instanceof JsonStop) return { ok: false, problem: error.problem }
    throw error
  }
}

class JsonStop extends Error {
  readonly problem: JsonProblem
  constructor(problem: JsonProblem) {
    super(problem)
    this.problem = problem
  }
}

class JsonReader {
  readonly #text: string
  readonly #numbers: 'as-text' | 'refuse'
  #at = 0

  constructor(text: string, numbers: 'as-text' | 'refuse') {
    this.#text = text
    this.#numbers = numbers
  }

  readAll(): Json {
    const value = this.#readValue(0)
    this.#skipSpace()
    if (this.#at !== this.#text.length) throw new JsonStop('syntax')
    return value
  }

  #readValue(depth: number): Json {
    this.#skipSpace()
    switch (this.#text[this.#at]) {
      case '{':
        return this.#readObject(depth + 1)
      case '[':
        return this.#readArray(depth + 1)
      case '"':
        return this.#readString()
      case 't':
        return this.#readWord('true', true)
      case 'f':
        return this.#readWord('false', false)
      case 'n':
        return this.#readWord('null', null)
      default:
        return this.#readNumber()
    }
  }

  #readObject(depth: number): Json {
    this.#enter(depth)
    const entries = new Map<string, Json>()
    if (this.#skip('}')) return {}
    do {
      this.#skipSpace()
      const key = this.#readString()
      if (entries.has(key)) throw new JsonStop('duplicate-key')
      this.#expect(':')
      entries.set(key, this.#readValue(depth))
    } while (this.#skip(','))
    this.#expect('}')
    // Own properties, whatever they are called: `__proto__` is one more key.
    return Object.fromEntries(entries)
  }

  #readArray(depth: number): Json {
    this.#enter(depth)
    const items: Json[] = []
    if (this.#skip(']')) return items
    do items.push(this.#readValue(depth))
    while (this.#skip(','))
    this.#expect(']')
    return items
  }

  #enter(depth: number): void {
    if (depth > MAX_DEPTH) throw new JsonStop('depth')
    this.#at++
  }

  /** The language's own parser reads the escapes, once it is clear where the string ends. */
  #readString(): string {
    const start = this.#at
    if (this.#text[start] !== '"') throw new JsonStop('syntax')
    for (this.#at++; this.#text[this.#at] !== '"'; this.#at++) {
      if (this.#at >= this.#text.length) throw new JsonStop('syntax')
      if (this.#text[this.#at] === '\\') this.#at++
    }
    this.#at++
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string
    } catch {
      throw new JsonStop('syntax')
    }
  }

  #readNumber(): Json {
    NUMBER.lastIndex = this.#at
    const [written] = NUMBER.exec(this.#text) ?? []
    if (written === undefined) throw new JsonStop('syntax')
    this.#at += written.length
    const value = Number(written)
    if (isExact(written, value)) return value
    if (this.#numbers === 'refuse') throw new JsonStop('number')
    return written
  }

  #readWord<Value extends Json>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#at)) throw new JsonStop('syntax')
    this.#at += word.length
    return value
  }

  #skipSpace(): void {
    while (SPACE.has(this.#text[this.#at] ?? '')) this.#at++
  }

  #skip(character: string): boolean {
    this.#skipSpace()
    const found = this.#text[this.#at] === character
    if (found) this.#at++
    return found
  }

  #expect(character: string): void {
    if (!this.#skip(character)) throw new JsonStop('syntax')
  }
}

const SPACE = new Set([' ', '\t', '\n', '\r'])
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** Fifteen significant digits always survive a double; more only sometimes, so the digits are compared. */
function isExact(written: string, value: number): boolean {
  if (!Number.isFinite(value)) return false
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false
  const [mantissa = ''] = written.split(/[eE]/)
  const digits = mantissa.replace(/[-.]/g, '').replace(/^0+/, '')
  if (digits !== '' && value === 0) return false
  return digits.length <= 15 || String(value) === written
}

/** Why a value that was parsed elsewhere is not one that is sent on as it was meant; undefined when it is. */
export function findJsonProblem(value: Json, depth = 0): JsonProblem | undefined {
  if (typeof value === 'number') {
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? undefined : 'number'
  }
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'syntax'
  if (value === null || typeof value !== 'object') return undefined
  if (depth >= MAX_DEPTH) return 'depth'
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) return 'syntax'
    const problem = findJsonProblem(inner, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}
