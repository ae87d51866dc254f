import { describe, expect, test } from 'vitest'
import { parseStatement } from '../../../../src/tools/run_sql/syntax/parse.ts'

const MAJORS = [15, 16, 17, 18] as const

describe.each(MAJORS)('parseStatement, PostgreSQL %i', (major) => {
  test.each([
    ['', 0],
    ['-- nothing', 0],
    ['/* ; */ ;', 0],
    ['SELECT 1; SELECT 2', 2],
    ['SELECT 1 -- \n; DROP TABLE t', 2],
  ])('refuses %j, which has %i statements', async (sql, statements) => {
    await expect(parseStatement(sql, major)).rejects.toMatchObject({
      code: 'ERR_SQL_STATEMENT_COUNT',
      facts: { statements },
    })
  })

  test('accepts one statement with comments, a semicolon and a string that looks like two', async () => {
    const { kind } = await parseStatement("/* a; b */ SELECT ';DROP TABLE t;' -- ;\n ;", major)
    expect(kind).toBe('SelectStmt')
  })

  test('says where a syntax error is, in characters', async () => {
    await expect(parseStatement("SELECT 'é中', FROM t", major)).rejects.toMatchObject({
      code: 'ERR_SQL_SYNTAX',
      facts: { position: 14 },
      detail: 'At character 14: syntax error at or near "FROM".',
    })
  })

  test.each([
    ['20 000 parentheses', `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
    ['20 000 additions', `SELECT ${'1+'.repeat(20_000)}1`],
    ['3 000 subselects', `SELECT ${'(SELECT '.repeat(3_000)}1${')'.repeat(3_000)}`],
    ['10 000 casts', `SELECT 1${'::int'.repeat(10_000)}`],
    ['3 000 joins', `SELECT * FROM a${' JOIN b ON true'.repeat(3_000)}`],
  ])('refuses %s, again and again, and still parses the next statement', async (_, sql) => {
    for (let round = 0; round < 5; round++) {
      await expect(parseStatement(sql, major)).rejects.toMatchObject({ code: 'ERR_SQL_TOO_COMPLEX' })
      expect((await parseStatement('SELECT 1', major)).kind).toBe('SelectStmt')
    }
  })

  // Without a new parser after each, the 36th or so leaves one that fails for good, or hangs.
  test('still parses after many overflows', async () => {
    const hostile = `SELECT ${'(SELECT '.repeat(3_000)}1${')'.repeat(3_000)}`
    for (let round = 0; round < 60; round++) {
      await expect(parseStatement(hostile, major)).rejects.toMatchObject({ code: 'ERR_SQL_TOO_COMPLEX' })
      expect((await parseStatement('SELECT 1', major)).kind).toBe('SelectStmt')
    }
  })
})
