import { describe, expect, test } from 'vitest'
import { buildAffectedQuery } from '../../../../src/tools/run_sql/syntax/buildAffectedQuery.ts'
import { parseStatement } from '../../../../src/tools/run_sql/syntax/parse.ts'

const build = async (sql: string) => buildAffectedQuery(sql, await parseStatement(sql, 18), 18, ['id'])

describe('buildAffectedQuery', () => {
  test.each([
    ['DELETE FROM t', 'SELECT count(*) FROM "t"'],
    ['DELETE FROM ONLY a."T;x" AS u WHERE u.b = 1', 'SELECT count(*) FROM ONLY "a"."T;x" AS "u" WHERE ( u.b = 1\n)'],
    ["DELETE FROM t WHERE a = 'where' RETURNING *", `SELECT count(*) FROM "t" WHERE ( a = 'where' \n)`],
    ['UPDATE t SET a = (SELECT 1 WHERE false) WHERE b = 2 -- end', 'SELECT count(*) FROM "t" WHERE ( b = 2 -- end\n)'],
    [
      'UPDATE t SET a = $1 WHERE b = $2;',
      'SELECT count(*) FROM "t" WHERE ( b = $2\n) AND ($1::text IS NOT NULL OR true)',
    ],
  ])('counts what %s would change', async (sql, count) => {
    expect((await build(sql)).count).toBe(count)
    // It is one SELECT again, without anything after its WHERE.
    expect((await parseStatement(count, 18)).kind).toBe('SelectStmt')
  })

  test.each([
    'DELETE FROM t USING u WHERE t.id = u.id',
    'UPDATE t SET a = 1 FROM u WHERE t.id = u.id',
    'WITH d AS (DELETE FROM u RETURNING id) DELETE FROM t WHERE id IN (SELECT id FROM d)',
    'DELETE FROM t WHERE CURRENT OF c',
  ])('makes none for %s', async (sql) => {
    await expect(build(sql)).rejects.toMatchObject({ code: 'ERR_SQL_NOT_UNDERSTOOD' })
  })
})
