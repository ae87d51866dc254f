import { describe, expect, test } from 'vitest'
import { findInnerText } from '../../../../src/tools/run_sql/syntax/findInnerText.ts'
import { findLiterals } from '../../../../src/tools/run_sql/syntax/findLiterals.ts'
import { hideLiterals } from '../../../../src/tools/run_sql/syntax/hideLiterals.ts'
import { parseStatement } from '../../../../src/tools/run_sql/syntax/parse.ts'
import { unwrap } from '../../../../src/tools/run_sql/syntax/walkTree.ts'
import { STATEMENTS } from './statements.ts'

const MAJORS = [15, 16, 17, 18] as const

describe.each(MAJORS)('findLiterals, PostgreSQL %i', (major) => {
  test.each([
    [
      "SELECT 'a', 'it''s', E'a\\'b', N'n', B'01', X'ff', 12, .5, 1e3",
      ["'a'", "'it''s'", "E'a\\'b'", "N'n'", "B'01'", "X'ff'", '12', '.5', '1e3'],
    ],
    ['SELECT U&\'d\\0061t\' , U&"\\0061" FROM t', ["U&'d\\0061t'"]],
    ["SELECT $$a 'b'$$, $tag$ $$ $tag$, $1::int", ["$$a 'b'$$", '$tag$ $$ $tag$']],
    ["SELECT 'a'\n  'b', a1, \"'q'\" FROM t9", ["'a'\n  'b'"]],
    ["SELECT 1 -- it's\n, /* 'x' /* y */ */ 'z'", ['1', "-- it's", "/* 'x' /* y */ */", "'z'"]],
    ["SELECT -1, - 2, 3 - 4, interval '1' day", ['1', '2', '3', '4', "'1'"]],
    ["SELECT '中', '😀', 'é' || 'x'", ["'中'", "'😀'", "'é'", "'x'"]],
    ["SELECT 'a\\', 'b'", ["'a\\'", "'b'"]],
    ["SELECT a$1, b$c$d FROM t WHERE x = 'y'", ["'y'"]],
  ])('finds the literals and comments of %j', async (sql, wanted) => {
    const found = findLiterals(sql, await parseStatement(sql, major))
    expect(found.map(({ start, end }) => sql.slice(start, end))).toEqual(wanted)
  })

  test('agrees with the parser on every statement of the corpus', async () => {
    for (const [sql] of STATEMENTS) {
      const found = findLiterals(sql, await parseStatement(sql, major))
      expect(found, sql).not.toEqual([{ start: 0, end: sql.length }])
    }
  })
})

describe('findLiterals', () => {
  test('takes the whole text for a literal when it disagrees with the parser', async () => {
    const sql = "SELECT 'a'"
    const other = await parseStatement("SELECT x, 'a'", 18)
    expect(findLiterals(sql, other)).toEqual([{ start: 0, end: sql.length }])
  })
})

describe('hideLiterals', () => {
  const names = new Set(['email', 'ssn'])
  test.each([
    ["SELECT id FROM users WHERE email = 'a@b' AND plan = 'pro' LIMIT 5", ["'a@b'"]],
    ["UPDATE users SET email = 'a@b', plan = 'pro' WHERE id = -7", ["'a@b'"]],
    ["INSERT INTO users (id, email, plan) VALUES (1, 'a@b', 'pro')", ["'a@b'"]],
    ["INSERT INTO users VALUES (1, 'a@b', 'pro')", ['1', "'a@b'", "'pro'"]],
    ["DELETE FROM users WHERE id IN (1, 2) AND ssn IN ('x', 'y')", ["'x'", "'y'"]],
    ["DELETE FROM users WHERE lower(email) = 'a@b' AND id = 3", ["'a@b'"]],
    ["SELECT * FROM (SELECT email AS e FROM users) s WHERE e = 'a@b'", ["'a@b'"]],
    ["SELECT * FROM users AS u (i, n, e) WHERE e = 'a@b'", ["'a@b'"]],
    ["WITH u AS (SELECT email AS e FROM users) SELECT * FROM u WHERE e = 'a@b'", ["'a@b'"]],
    ["SELECT 1 FROM users WHERE 'a@b' = email", ['1', "'a@b'"]],
  ])('hides in %s what may be a protected value', async (sql, wanted) => {
    const root = await parseStatement(sql, 18)
    const hidden = hideLiterals(sql, root, findLiterals(sql, root), names, false)
    expect(hidden.map(({ start, end }) => sql.slice(start, end))).toEqual(wanted)
  })

  test('hides all of them where a view could have renamed the column', async () => {
    const sql = "SELECT * FROM v WHERE e = 'a@b' AND id = 1"
    const root = await parseStatement(sql, 18)
    expect(hideLiterals(sql, root, findLiterals(sql, root), names, true)).toHaveLength(2)
  })
})

describe.each(MAJORS)('findInnerText, PostgreSQL %i', (major) => {
  test.each([
    ['EXPLAIN SELECT 1', 'SELECT 1'],
    ['EXPLAIN (COSTS off, FORMAT json) WITH a AS (SELECT 1) SELECT * FROM a', 'WITH a AS (SELECT 1) SELECT * FROM a'],
    ["EXPLAIN ANALYZE DELETE FROM t WHERE x = 'select' -- SELECT 2", "DELETE FROM t WHERE x = 'select' -- SELECT 2"],
    ['CREATE TABLE "select" AS SELECT 1 WITH NO DATA', 'SELECT 1 '],
    ['CREATE VIEW v (a) AS SELECT 1 WITH CASCADED CHECK OPTION', 'SELECT 1 '],
    ['CREATE MATERIALIZED VIEW m AS (SELECT 1) UNION SELECT 2', '(SELECT 1) UNION SELECT 2'],
    ['CREATE VIEW v AS VALUES (1)', 'VALUES (1)'],
  ])('finds the query in %s', async (sql, wanted) => {
    const { node } = await parseStatement(sql, major)
    expect(await findInnerText(sql, unwrap(node.query), major)).toBe(wanted)
  })
})
