import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../../../src/call.ts'
import { findPointers, leafPointers } from '../../../src/tools/http_request/findPointers.ts'
import { findJsonProblem, parseJson } from '../../../src/tools/http_request/parseJson.ts'

test('reads what JSON.parse reads, and writes it back alike', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const parsed = parseJson(text, 'as-text')
      expect(parsed.ok).toBe(true)
      if (parsed.ok && findJsonProblem(JSON.parse(text)) === undefined) expect(parsed.value).toEqual(JSON.parse(text))
    }),
    { numRuns: 2_000 },
  )
})

test('refuses whatever JSON.parse refuses', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom(
          '{',
          '}',
          '[',
          ']',
          '"',
          ',',
          ':',
          '1',
          '-',
          '.',
          'e',
          'true',
          'null',
          '\\',
          'a',
          ' ',
          '\n',
          '\0',
          '\\u00',
          '+',
          '0',
        ),
        { maxLength: 10 },
      ),
      (parts) => {
        const text = parts.join('')
        let isJson = true
        try {
          JSON.parse(text)
        } catch {
          isJson = false
        }
        const parsed = parseJson(text, 'as-text')
        if (!isJson) expect(parsed, text).toEqual({ ok: false, problem: 'syntax' })
        else if (!parsed.ok) expect(parsed.problem, text).not.toBe('syntax')
      },
    ),
    { numRuns: 20_000 },
  )
})

test.each([
  ['{"a":1,"a":2}', 'duplicate-key'],
  ['{"a":1,"\\u0061":2}', 'duplicate-key'],
  [`${'['.repeat(65)}${']'.repeat(65)}`, 'depth'],
  ['9007199254740993', 'number'],
  ['1e400', 'number'],
  ['0.1234567890123456789', 'number'],
  ['1e-400', 'number'],
  ['\uFEFF{}', 'syntax'],
  ['{} {}', 'syntax'],
  ['', 'syntax'],
  ['NaN', 'syntax'],
  ["{'a':1}", 'syntax'],
])('%s is a problem: %s', (text, problem) => {
  expect(parseJson(text, 'refuse')).toEqual({ ok: false, problem })
})

test('numbers that a double cannot hold keep their digits', () => {
  const text =
    '{"id":9007199254740993,"price":0.12345678901234567890,"huge":1e400,"plain":[1,-0.5,1e3,9007199254740991]}'
  expect(parseJson(text, 'as-text')).toEqual({
    ok: true,
    value: {
      id: '9007199254740993',
      price: '0.12345678901234567890',
      huge: '1e400',
      plain: [1, -0.5, 1000, 9007199254740991],
    },
  })
})

test('__proto__ is a key like others', () => {
  const parsed = parseJson('{"__proto__":{"a":1}}', 'as-text')
  expect(parsed.ok && Object.keys(parsed.value as object)).toEqual(['__proto__'])
  expect(parsed.ok && Object.getPrototypeOf(parsed.value)).toBe(Object.prototype)
})

test('rules find members at one key, at any, and at any depth; the outermost are enough', () => {
  const value = { users: [{ email: 'a', tags: { email: 'b' } }, { email: null }], email: 'c', 'a/b': { 'c~d': 1 } }
  const at = (...rules: string[]) => findPointers(value, rules, 1_000)?.map(({ pointer }) => pointer)
  expect(at('/users/*/email')).toEqual(['/users/0/email', '/users/1/email'])
  expect(at('/users/0/email', '/email')).toEqual(['/users/0/email', '/email'])
  expect(at('/**/email')).toEqual(['/users/0/email', '/users/0/tags/email', '/users/1/email', '/email'])
  expect(at('/users', '/users/*/email')).toEqual(['/users'])
  expect(at('/users/**')).toEqual(['/users'])
  expect(at('/a~1b/c~0d')).toEqual(['/a~1b/c~0d'])
  expect(at('/users/*/missing', '/users/*/email/x')).toEqual([])
  expect(at('/**')).toEqual([''])
})

test('a rule names what is called like its own signs, and one key that two rules lead to is found once', () => {
  const value = { a: { '*': 1, b: { c: 2 } }, __proto__: undefined, '~1': { x: 3 } } as unknown as Json
  const at = (...rules: string[]) => findPointers(value, rules, 1_000)?.map(({ pointer }) => pointer)
  expect(at('/a/*')).toEqual(['/a/*', '/a/b'])
  expect(at('/**/b/**/c', '/a/**/c', '/a/b/c')).toEqual(['/a/b/c'])
  expect(at('/~01/x')).toEqual(['/~01/x'])
})

test('a long key above many members is not repeated for each of them: there is no answer then', () => {
  const members = Array.from({ length: 4_000 }, () => ({ ssn: 1 }))
  const below = (key: string): Json => ({ [key]: members })
  const size = (value: Json) => JSON.stringify(value).length
  expect(findPointers(members, ['/**/ssn'], size(members))).toHaveLength(4_000)
  expect(findPointers(below('users'), ['/**/ssn'], size(below('users')))).toHaveLength(4_000)
  expect(findPointers(below('k'.repeat(1_000)), ['/**/ssn'], size(below('k'.repeat(1_000))))).toBeUndefined()
  expect(findPointers({ ['k'.repeat(5_000)]: { ssn: 1 } }, ['/**/ssn'], 6_000)).toBeUndefined()
  const keys = Object.fromEntries(members.map((_, at) => [`k${at}`, 1]))
  expect(leafPointers({ a: keys }, size({ a: keys }))).toHaveLength(4_000)
  expect(leafPointers({ ['k'.repeat(1_000)]: keys }, 40_000)).toBeUndefined()
  expect(leafPointers({ ['k'.repeat(5_000)]: 1 }, 6_000)).toBeUndefined()
})
