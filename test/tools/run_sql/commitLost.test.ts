import { expect, test } from 'vitest'
import type { StartedCall } from '../../../src/call.ts'
import { createRunSql } from '../../../src/tools/run_sql/tool.ts'
import { startTestServer } from './testServer.ts'

const signal = new AbortController().signal
/** What the pipeline makes when a call may run. */
const started = { callId: 'call_test', approvalId: undefined, constraints: {} } as unknown as StartedCall

test('a COMMIT whose server is gone, and cannot be asked what became of it, is an outcome that nobody knows', async () => {
  const target = await startTestServer(17, 'CREATE TABLE jobs (id int PRIMARY KEY)')
  const connections = { main: target.connection() }
  const sql = createRunSql({ readSecret: target.readSecret, connections: () => connections })
  try {
    const call = { connection: 'main', sql: 'INSERT INTO jobs VALUES (1)', params: [] }
    const understanding = await sql.tool.understand(call, 'main', signal)
    const running = understanding.execute(started, () => target.stop(), signal)
    await expect(running).rejects.toMatchObject({
      code: 'ERR_OUTCOME_UNKNOWN',
      detail: 'The connection was lost during COMMIT, and its outcome could not be looked up.',
    })
    await understanding.release()
  } finally {
    await sql.close()
    await target.stop()
  }
})
