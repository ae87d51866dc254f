import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scanSql } from '../../src/console/scanSql.ts'

const joined = (sql: string) =>
  scanSql(sql)
    .map(({ text }) => text)
    .join('')
/** What a reader sees as code: neither comment nor string. */
const codeOf = (sql: string) =>
  scanSql(sql)
    .filter(({ kind }) => kind !== 'comment' && kind !== 'string')
    .map(({ text }) => text)
    .join('')

test('no character is lost or added, whatever the text is', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom("'", '"', '--', '/*', '*/', '$$', '$tag$', "E'", '\\', '\n', '\r', ';', 'SELECT', "''", '\u202E'),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      expect(joined(pieces.join(''))).toBe(pieces.join(''))
    }),
    { numRuns: 2_000 },
  )
})

// What PostgreSQL runs must never look like a comment or like a string.
test.each([
  ['SELECT 1 -- x\n; DELETE FROM a', 'DELETE'],
  ['SELECT 1 -- x\r; DELETE FROM a', 'DELETE'],
  ['/* a /* b */ c */ DELETE FROM a', 'DELETE'],
  ["SELECT 'it''s' ; DELETE FROM a", 'DELETE'],
  ["SELECT 'a\\' ; DELETE FROM a --'", 'DELETE'],
  ["SELECT E'a\\' ' ; DELETE FROM a", 'DELETE'],
  ['SELECT "a""b" ; DELETE FROM a', 'DELETE'],
  ['SELECT $x$ $y$ $x$ ; DELETE FROM a', 'DELETE'],
  ['SELECT $1, $2 ; DELETE FROM a', 'DELETE'],
  ['SELECT a$b$ ; DELETE FROM a', 'DELETE'],
  ["SELECT U&'\\0041' ; DELETE FROM a", 'DELETE'],
])('%j: what runs is shown as code', (sql, word) => {
  expect(codeOf(sql)).toContain(word)
})

test.each([
  ['SELECT 1 -- DELETE FROM a', 'comment'],
  ['SELECT 1 /* DELETE /* x */ DELETE */', 'comment'],
  ["SELECT 'DELETE FROM a'", 'string'],
  ["SELECT E'\\' DELETE'", 'string'],
  ['SELECT $q$ DELETE $q$', 'string'],
])('%j: what does not run is shown as a %s', (sql, kind) => {
  expect(codeOf(sql)).not.toContain('DELETE')
  expect(scanSql(sql).some((token) => token.kind === kind && token.text.includes('DELETE'))).toBe(true)
})
