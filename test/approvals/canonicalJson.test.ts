import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../src/approvals/canonicalJson.ts'
import type { Json } from '../../src/call.ts'

const json = fc.jsonValue({ noUnicodeString: false }).map((value) => value as Json)

function shuffled(value: Json): Json {
  if (Array.isArray(value)) return value.map(shuffled)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, shuffled(member)]),
  )
}

describe('canonicalJson', () => {
  test('says the same value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('writes texts as JSON.stringify does, whatever characters they hold', () => {
    const texts = [...Array.from({ length: 0x180 }, (_, code) => `a${String.fromCharCode(code)}b`), '', '\u2028', 'é😀']
    expect(texts.map((text) => canonicalJson(text))).toEqual(texts.map((text) => JSON.stringify(text)))
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => canonicalJson(text) === JSON.stringify(text)))
  })

  test('does not depend on the order of members', () => {
    fc.assert(fc.property(json, (value) => canonicalJson(value) === canonicalJson(shuffled(value))))
  })

  test('tells different values apart', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        const same = JSON.stringify(JSON.parse(canonicalJson(a))) === JSON.stringify(JSON.parse(canonicalJson(b)))
        return same === (canonicalJson(a) === canonicalJson(b))
      }),
    )
  })

  test('writes numbers as ECMAScript does, and sorts by UTF-16 code units', () => {
    expect(canonicalJson([-0, 1e21, 1e-7, 0.1, 1.0])).toBe('[0,1e+21,1e-7,0.1,1]')
    // RFC 8785, section 3.2.3.
    expect(canonicalJson({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 })).toBe(
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}',
    )
    expect(canonicalJson({ __proto__: null, b: 1, a: 2 } as unknown as Json)).toBe('{"a":2,"b":1}')
  })

  test.each([
    ['undefined', undefined],
    ['an undefined member', { a: undefined }],
    ['a hole', Object.assign([1], { length: 3 })],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a function', () => 1],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a big integer', 1n],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in a name', { 'a\udc00': 1 }],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalJson(value as unknown as Json)).toThrow(TypeError)
  })
})
