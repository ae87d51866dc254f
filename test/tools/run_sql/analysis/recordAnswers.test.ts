import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { givesSameAnswers, recordAnswers } from '../../../../src/tools/run_sql/analysis/recordAnswers.ts'
import type { BatchStatement } from '../../../../src/tools/run_sql/analysis/session.ts'
import { createSessionPool, type SessionPool } from '../../../../src/tools/run_sql/session/createSessionPool.ts'
import { startTestServer, type TestServer } from '../testServer.ts'

const signal = new AbortController().signal
const ask = (columns: string) => ({ text: `SELECT ${columns} FROM said`, name: `question_${columns.length}` })

describe('recordAnswers', () => {
  let target: TestServer
  let pool: SessionPool
  beforeAll(async () => {
    target = await startTestServer(18, 'CREATE TABLE said (a text, b text); INSERT INTO said VALUES (NULL, NULL)')
    pool = createSessionPool(target.connection({ limits: { maxSessions: 1 } }), 'read', target.readSecret)
  })
  afterAll(async () => {
    await pool.close()
    await target.stop()
  })

  const ANSWERS = [
    [null, null],
    [null, ''],
    ['', null],
    ['', ''],
    ['-', null],
    ['0:', ''],
    ['a', 'bc'],
    ['ab', 'c'],
    ['a1:b', 'c'],
    ['☃', 'é😀'],
    ['é😀', '☃'],
    ['x'.repeat(100_000), ''],
  ] as const

  test('tells every answer from every other one, and knows the same again', async () => {
    const session = await pool.take(signal)
    const asked = []
    for (const [a, b] of ANSWERS) {
      const literal = (text: string | null) => (text === null ? 'NULL' : `'${text}'`)
      await target.admin(`UPDATE said SET a = ${literal(a)}, b = ${literal(b)}`)
      const recording = recordAnswers(session)
      await recording.session.batch([{ text: 'BEGIN' }, ask('a, b'), { text: 'ROLLBACK' }])
      const { text, name } = ask('b')
      await recording.session.query(text, [], name)
      asked.push(recording.asked() ?? [])
      const same = []
      for (const [index, one] of asked.entries()) if (await givesSameAnswers(session, one)) same.push(index)
      expect(same).toEqual([asked.length - 1])
    }
    session.release()
  })

  test.each<readonly [string, BatchStatement]>([
    ['a question without a name', { text: 'SELECT 1 AS one' }],
    ['several rows', { text: 'SELECT a FROM said, generate_series(1, 2)', name: 'many' }],
    ['no row', { text: 'SELECT a FROM said WHERE false', name: 'none' }],
  ])('cannot ask again: %s', async (_, statement) => {
    const session = await pool.take(signal)
    const inBatch = recordAnswers(session)
    await inBatch.session.batch([statement])
    expect(inBatch.asked()).toBeUndefined()
    const alone = recordAnswers(session)
    await alone.session.query(statement.text, [], statement.name)
    expect(alone.asked()).toBeUndefined()
    session.release()
  })

  test('cannot ask again what is no text', async () => {
    const session = await pool.take(signal)
    const recording = recordAnswers(session)
    await recording.session.query('SELECT 1 AS one', [], 'number')
    expect(recording.asked()).toBeUndefined()
    session.release()
  })
})
