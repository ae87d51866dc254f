import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/mcp/createHttpServer.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { toolsCall } from '../fixtures/wire.ts'
import { memoryPeak } from './memoryPeak.ts'

/** Far over what any of these needs, and far under what holding the input or the result whole would take. */
const BOUND_MIB = 300

let gate: RealGate
let token: string
beforeAll(async () => {
  // The limits are those of a real gateway.
  gate = await startRealGate({ limits: DEFAULT_LIMITS })
  token = await gate.mint()
})
afterAll(() => gate?.stop())

const headers = () => ({
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  authorization: `Bearer ${token}`,
})
const post = (body: string | Uint8Array<ArrayBuffer>) => fetch(gate.url, { method: 'POST', headers: headers(), body })
const sqlCall = (sql: string) => JSON.stringify(toolsCall('run_sql', { connection: 'prod-maintenance', sql }))

/** Another caller gets its answer, whatever the first one does. */
async function serveAnother(): Promise<void> {
  const azp = '6f1c1b3e-0000-4000-8000-0000000000f9'
  const other = await gate.mint('app-only', { claims: { azp, roles: ['Agent.Access', 'db-maintenance-agents'] } })
  const answer = await gate.sql('SELECT count(*) FROM users', {}, { token: other })
  expect(answer).toMatchObject({ status: 'ok', result: { rows: [[500]] } })
}

async function lastRecord(event: string) {
  return (await gate.readTrail()).findLast((record) => record.event === event)
}

describe('bad input gets a coded answer, and the next call works', () => {
  test('2 MB of SQL is refused before it is buffered, and is on record', async () => {
    let status = 0
    let text = ''
    const peak = await memoryPeak(async () => {
      const response = await post(sqlCall(`SELECT '${'a'.repeat(2 * 1024 ** 2)}'`))
      status = response.status
      text = await response.text()
    })
    expect(status).toBe(413)
    expect(text).toContain('ERR_BODY_TOO_LARGE')
    expect(peak).toBeLessThan(BOUND_MIB)
    await serveAnother()
    expect(await lastRecord('call.refused')).toMatchObject({ code: 'ERR_BODY_TOO_LARGE' })
  })

  test('SQL that fits the body and is longer than anybody reviews', async () => {
    const answer = await gate.sql(`SELECT '${'a'.repeat(900_000)}'`)
    expect(answer).toMatchObject({ status: 'failed', code: 'ERR_SQL_TOO_LONG' })
    await serveAnother()
  })

  test('bytes that are not UTF-8 are refused, not repaired', async () => {
    const body = Buffer.from(sqlCall("SELECT 'X'"))
    body[body.indexOf('X')] = 0xff
    const response = await post(new Uint8Array(body))
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('ERR_BODY_MALFORMED')
    await serveAnother()
    expect(await lastRecord('call.refused')).toMatchObject({ code: 'ERR_BODY_MALFORMED' })
  })

  test.each([
    ['parentheses', `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
    ['unfinished parentheses', `SELECT ${'('.repeat(20_000)}`],
    ['signs', `SELECT ${'- '.repeat(20_000)}1`],
    ['subqueries', `${'SELECT * FROM ('.repeat(3_000)}SELECT 1${') x'.repeat(3_000)}`],
    ['array brackets', `SELECT ${'ARRAY['.repeat(9_000)}1${']'.repeat(9_000)}`],
  ])('20 000 nested %s', async (_, sql) => {
    const answer = await gate.sql(sql)
    expect(answer.status).toBe('failed')
    expect(answer.code).toMatch(/^ERR_SQL_(TOO_COMPLEX|SYNTAX|TOO_LONG|NOT_UNDERSTOOD|FAILED)$/)
    expect(answer.message.length).toBeLessThan(1_000)
    await serveAnother()
  })

  test('a body of 400 000 nested arrays', async () => {
    const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`
    const response = await post(
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"run_sql","arguments":{"connection":"prod-maintenance","sql":"SELECT 1","params":${deep}}}}`,
    )
    const text = await response.text()
    expect(text).toMatch(/ERR_(BODY_MALFORMED|ARGUMENTS|INTERNAL)|-32/)
    expect(text.length).toBeLessThan(5_000)
    await serveAnother()
  })

  test.each([
    ['an unknown tool', 'nothing', {}, 'ERR_TOOL_UNKNOWN'],
    ['an unknown connection', 'run_sql', { connection: 'prod', sql: 'SELECT 1' }, 'ERR_CONNECTION_UNKNOWN'],
    ['arguments of another type', 'run_sql', { connection: 'prod-maintenance', sql: 7 }, 'ERR_ARGUMENTS'],
    [
      'arguments that do not exist',
      'run_sql',
      { connection: 'prod-maintenance', sql: 'SELECT 1', x: 1 },
      'ERR_ARGUMENTS',
    ],
  ])('%s', async (_, tool, args, code) => {
    expect(await gate.call(tool, args, { token })).toMatchObject({ status: 'failed', code })
    expect(await lastRecord('call.refused')).toMatchObject({ code, tool })
  })
})

describe('results that are too large', () => {
  test('10 million rows: the first of them, marked, in bounded memory', async () => {
    let answer: Awaited<ReturnType<RealGate['sql']>> | undefined
    const peak = await memoryPeak(async () => {
      answer = await gate.sql('SELECT n FROM generate_series(1, 10000000) AS n')
    })
    expect(answer).toMatchObject({ status: 'ok', result: { truncated: true, row_count: 1000 } })
    expect(answer?.result?.rows).toHaveLength(1000)
    expect(peak).toBeLessThan(BOUND_MIB)
    await serveAnother()
  })

  test.each([
    ["SELECT repeat('a', 1000000000)"],
    ["SELECT repeat('a', 1000000) FROM generate_series(1, 900)"],
    ["SELECT string_agg(repeat('a', 1000), '') FROM generate_series(1, 500000)"],
  ])('%s is cut off, in bounded memory', async (sql) => {
    let answer: Awaited<ReturnType<RealGate['sql']>> | undefined
    const peak = await memoryPeak(async () => {
      const [big] = await Promise.all([gate.sql(sql), serveAnother()])
      answer = big
    })
    expect(answer).toMatchObject({
      status: 'failed',
      code: expect.stringMatching(/^ERR_SQL_(RESULT_TOO_LARGE|FAILED)$/),
    })
    expect(peak).toBeLessThan(BOUND_MIB)
    await serveAnother()
    const finished = await lastRecord('call.finished')
    expect(finished).toMatchObject({ status: 'executed' })
  })
})

describe('many at once', () => {
  test('500 parallel calls: each is answered or refused with a code, and each answer is on record', async () => {
    const before = (await gate.readTrail()).filter(({ event }) => event === 'call.started').length
    const outcomes: string[] = []
    const peak = await memoryPeak(async () => {
      const all = Array.from({ length: 500 }, async () => {
        const response = await post(sqlCall('SELECT id, name FROM users ORDER BY id LIMIT 50'))
        const text = await response.text()
        const code = /ERR_[A-Z_]+/.exec(text)?.[0]
        outcomes.push(response.status === 200 && code === undefined ? 'ok' : `${response.status} ${code}`)
      })
      await serveAnother()
      await Promise.all(all)
    })
    const counts = new Map<string, number>()
    for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    expect(outcomes).toHaveLength(500)
    // ERR_BUSY as a result is the pool of sessions; as 503 or 429 it is the limits of the wire.
    for (const outcome of counts.keys()) expect(outcome).toMatch(/^(ok|429 ERR_RATE_LIMIT|\d+ ERR_BUSY)$/)
    expect(counts.get('ok')).toBeGreaterThan(0)
    expect(peak).toBeLessThan(BOUND_MIB)
    const trail = await gate.readTrail()
    const started = trail.filter(({ event }) => event === 'call.started').slice(before)
    const finished = new Set(trail.filter(({ event }) => event === 'call.finished').map(({ call }) => call))
    // One more: the other caller's.
    expect(started).toHaveLength((counts.get('ok') ?? 0) + 1)
    for (const { call } of started) expect(finished).toContain(call)
  })

  test('three hundred clients that never finish their bodies hold nobody up', async () => {
    const { port, host } = new URL(gate.url)
    const sockets: Socket[] = []
    for (let index = 0; index < 300; index += 1) {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => undefined)
      const auth = index % 2 === 0 ? `authorization: Bearer ${token}\r\n` : ''
      socket.write(
        `POST /mcp HTTP/1.1\r\nhost: ${host}\r\n${auth}content-type: application/json\r\ncontent-length: 5000\r\n\r\n{`,
      )
      sockets.push(socket)
    }
    await sleep(300)
    for (let round = 0; round < 5; round += 1) await serveAnother()
    for (const socket of sockets) socket.destroy()
    await serveAnother()
  })
})

describe('a client that goes away', () => {
  test('stops the read it was waiting for, at the server too, and the end is on record', async () => {
    const gone = new AbortController()
    const endless = 'SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b'
    const call = fetch(gate.url, { method: 'POST', headers: headers(), body: sqlCall(endless), signal: gone.signal })
    const running = () =>
      // The statement itself, not its analysis.
      gate.admin(
        `SELECT FROM pg_stat_activity WHERE usename = 'gate_ro' AND state = 'active' AND query LIKE 'SELECT count%'`,
      )
    await expect.poll(async () => (await running()).length, { timeout: 10_000 }).toBe(1)
    await serveAnother()
    gone.abort()
    await expect(call).rejects.toThrow()
    await expect.poll(async () => (await running()).length, { timeout: 10_000 }).toBe(0)
    await expect
      .poll(() => lastRecord('call.finished'), { timeout: 10_000 })
      .toMatchObject({ status: 'failed', code: 'ERR_CANCELLED' })
    await serveAnother()
  })
})
