import { describe, expect, test } from 'vitest'
import { classify, type Statement } from '../../../../src/tools/run_sql/syntax/classify.ts'
import { parseStatement } from '../../../../src/tools/run_sql/syntax/parse.ts'
import { createRunSql } from '../../../../src/tools/run_sql/tool.ts'
import { REFUSED, STATEMENTS } from './statements.ts'

const { operations: vocabulary } = createRunSql({ readSecret: async () => '', connections: () => ({}) }).tool

function effectOf({ operations, effect }: Statement): string {
  if (operations.some(({ floor }) => floor === 'deny')) return 'denied'
  return operations.some(({ floor }) => floor === 'require-approval') ? 'person' : effect
}

describe.each([15, 16, 17, 18] as const)('classify, PostgreSQL %i', (major) => {
  test.each(STATEMENTS.map((row) => [...row] as const))('%s', async (sql, operations, effect) => {
    const statement = classify(await parseStatement(sql, major))
    expect(
      statement.operations
        .map(({ operation }) => operation)
        .sort()
        .join('+'),
    ).toBe(operations)
    expect(effectOf(statement)).toBe(effect)
  })

  test.each(REFUSED)('refuses %s', async (sql) => {
    const classified = parseStatement(sql, major).then(classify)
    await expect(classified).rejects.toMatchObject({ code: 'ERR_SQL_NOT_UNDERSTOOD' })
  })
})

describe('classify', () => {
  test('reports only operations that policies can name', async () => {
    for (const [sql] of STATEMENTS) {
      for (const { operation } of classify(await parseStatement(sql, 18)).operations) {
        expect(vocabulary).toContain(operation.replace(/:.*/, ':*'))
      }
    }
  })

  test.each([
    ['DELETE FROM t', false],
    ['DELETE FROM t WHERE true', false],
    ['DELETE FROM t WHERE id = 1', true],
  ])('sees whether %s has a condition: %s', async (sql, where) => {
    expect(classify(await parseStatement(sql, 18)).operations[0]?.where).toBe(where)
  })

  test.each([
    [
      'DROP TABLE a.t, u',
      [
        { schema: 'a', name: 't' },
        { schema: undefined, name: 'u' },
      ],
    ],
    ['ALTER TABLE a.t ADD COLUMN c int', [{ schema: 'a', name: 't' }]],
    ['TRUNCATE t', [{ schema: undefined, name: 't' }]],
    ['DROP TRIGGER g ON a.t', [{ schema: 'a', name: 't' }]],
    ['DROP FUNCTION f()', []],
    ['GRANT SELECT ON a.t TO x', [{ schema: 'a', name: 't' }]],
    ['COMMENT ON COLUMN a.t.c IS NULL', [{ schema: 'a', name: 't' }]],
  ])('names what %s is about', async (sql, targets) => {
    expect(classify(await parseStatement(sql, 18)).operations[0]?.targets).toEqual(targets)
  })
})
