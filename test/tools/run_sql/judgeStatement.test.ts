import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { judgeStatement } from '../../../src/tools/run_sql/judgeStatement.ts'
import { createSessionPool } from '../../../src/tools/run_sql/session/createSessionPool.ts'
import { classify } from '../../../src/tools/run_sql/syntax/classify.ts'
import { parseStatement } from '../../../src/tools/run_sql/syntax/parse.ts'
import { startTestServer, type TestServer } from './testServer.ts'

describe('judgeStatement', () => {
  let target: TestServer
  beforeAll(async () => {
    target = await startTestServer(18, 'CREATE TABLE jobs (id int)')
  })
  afterAll(() => target.stop())

  test('refuses when the text does what the server does not see', async () => {
    const settings = target.connection()
    const pool = createSessionPool(settings, 'write', target.readSecret)
    const session = await pool.take(AbortSignal.timeout(10_000))
    await session.query('BEGIN')
    const read = classify(await parseStatement('SELECT id FROM jobs', 18))
    const write = classify(await parseStatement('DELETE FROM jobs', 18))
    const disagreeing = { ...read, operations: write.operations }
    await expect(judgeStatement(session, 'SELECT id FROM jobs', disagreeing, 0, settings)).rejects.toMatchObject({
      code: 'ERR_SQL_NOT_UNDERSTOOD',
      detail: 'The server sees no DELETE in it.',
    })
    session.release()
    await pool.close()
  })
})
