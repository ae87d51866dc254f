import { describe, expect, test } from 'vitest'
import { checkText } from '../../../src/tools/run_sql/checkText.ts'

/** The parser's binding counts a lone surrogate wrongly, so the tail of the text is not parsed and would still run. */
const CUT = `SELECT 1 --${'\ud800\u4e2d'.repeat(20)}\n; DROP TABLE jobs`

describe('checkText', () => {
  test.each([
    ['a lone high surrogate', CUT, 'ERR_SQL_TEXT'],
    ['a lone low surrogate', "SELECT '\udc00'", 'ERR_SQL_TEXT'],
    ['a NUL', 'SELECT 1\u0000; DROP TABLE jobs', 'ERR_SQL_TEXT'],
    ['64 KiB and one byte', `SELECT '${'a'.repeat(64 * 1024 - 8)}'`, 'ERR_SQL_TOO_LONG'],
    ['64 KiB counted in bytes', `SELECT '${'中'.repeat(22_000)}'`, 'ERR_SQL_TOO_LONG'],
    ['2 MB', 'a'.repeat(2_000_000), 'ERR_SQL_TOO_LONG'],
  ])('refuses %s', (_, sql, code) => {
    expect(() => checkText(sql, 'sql')).toThrow(expect.objectContaining({ code }))
  })

  test.each(["SELECT '😀 é 中'", `SELECT '${'a'.repeat(64 * 1024 - 9)}'`, "SELECT '[mask'"])('accepts %.20s', (sql) => {
    expect(() => checkText(sql, 'sql')).not.toThrow()
  })
})
