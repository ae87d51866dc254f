import { createServer, request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { listen } from '../fixtures/wire.ts'

const CANARY = 'canary-7c1d'

let gate: RealGate
let port: number
beforeAll(async () => {
  port = await freePort()
  gate = await startRealGate({ config: { server: { metrics: `127.0.0.1:${port}` } } })
})
afterAll(() => gate.stop())

test('calls, decisions, stages, approvals and the trail are counted', async () => {
  await gate.sql('SELECT id FROM users LIMIT 1')
  await gate.sql('DROP TABLE users')
  await gate.sql("UPDATE users SET name = 'x' WHERE id = 1")
  await gate.call('no_such_tool', {})
  await fetch(gate.url, { method: 'POST', body: '{}' })
  const text = (await read()).text

  expect(numberOf(text, 'countersign_calls_total', { tool: 'run_sql', status: 'ok', code: '' })).toBe(1)
  expect(numberOf(text, 'countersign_calls_total', { status: 'denied', code: 'ERR_POLICY_DENIED' })).toBe(1)
  expect(numberOf(text, 'countersign_calls_total', { tool: 'run_sql', status: 'pending_approval' })).toBe(1)
  expect(numberOf(text, 'countersign_calls_total', { tool: 'unknown', code: 'ERR_TOOL_UNKNOWN' })).toBe(1)
  for (const action of ['allow', 'deny', 'require-approval']) {
    expect(numberOf(text, 'countersign_decisions_total', { tool: 'run_sql', action })).toBe(1)
  }
  for (const stage of ['authenticate', 'understand', 'execute', 'record']) {
    expect(numberOf(text, 'countersign_stage_duration_seconds_count', { stage })).toBeGreaterThan(0)
  }
  expect(numberOf(text, 'countersign_call_duration_seconds_count', { status: 'ok' })).toBe(1)
  expect(numberOf(text, 'countersign_refusals_total', { code: 'ERR_TOKEN_MISSING' })).toBe(1)
  expect(numberOf(text, 'countersign_approvals', { state: 'pending' })).toBe(1)
  expect(numberOf(text, 'countersign_trail_events_total', { event: 'call.started' })).toBe(1)
  expect(numberOf(text, 'countersign_trail_events_total', { event: 'approval.requested' })).toBe(1)
  expect(numberOf(text, 'countersign_trail_writable', {})).toBe(1)
})

test('a connection that fails is counted', async () => {
  const second = await freePort()
  const broken = await startRealGate({
    database: gate.database,
    connections: { gone: { ...connectionOf(), port: 1 } },
    config: { server: { metrics: `127.0.0.1:${second}` } },
  })
  try {
    await expect
      .poll(async () => numberOf((await read({}, second)).text, 'countersign_connections', { state: 'failing' }))
      .toBe(1)
  } finally {
    await broken.stop()
  }
})

test('nothing in the metrics names a caller, a connection, a host, or anything that a client sent', async () => {
  const token = await gate.mint('app-only', { claims: { name: `${CANARY}-name`, roles: ['Agent.Access', CANARY] } })
  for (const options of [{}, { token }]) {
    await gate.sql(`SELECT '${CANARY}' AS "${CANARY}-column"`, { reason: CANARY }, options)
    await gate.call(`${CANARY}-tool`, { [CANARY]: CANARY }, options)
    await gate.call('run_sql', { connection: CANARY, sql: CANARY }, options)
  }
  await fetch(gate.url, { method: 'POST', headers: { authorization: `Bearer ${CANARY}` }, body: '{}' })
  const { text } = await read()
  const trail = await gate.readTrail()
  const caller = trail.find(({ caller }) => caller !== undefined)?.caller as { oid: string; app: string }
  expect(caller.oid.length).toBeGreaterThan(8)
  const secrets = [CANARY, 'prod-maintenance', 'cleanup-bot', 'gate_ro', caller.oid, caller.app, gate.issuer.authority]
  for (const secret of secrets) expect(text).not.toContain(secret)
  const labels = [...text.matchAll(/\b([a-z_]+)="/g)].map(([, label]) => label)
  const ours = ['tool', 'status', 'code', 'action', 'stage', 'event', 'state', 'le']
  const runtime = ['type', 'space', 'kind', 'version', 'major', 'minor', 'patch']
  expect([...new Set(labels)].filter((label) => ![...ours, ...runtime].includes(label ?? ''))).toEqual([])
})

test('they are read on their own address alone, by GET /metrics, and not by pages in a browser', async () => {
  const other = await fetch(new URL('/metrics', gate.url))
  expect(other.status).toBe(404)
  expect((await read({ path: '/' })).status).toBe(404)
  expect((await read({ path: '/mcp', method: 'POST' })).status).toBe(404)
  expect((await read({ headers: { host: 'attacker.example' } })).status).toBe(403)
  expect((await read({ headers: { origin: 'http://localhost' } })).status).toBe(403)
  expect(await read()).toMatchObject({ status: 200, type: expect.stringContaining('text/plain') })
})

async function freePort(): Promise<number> {
  const probe = createServer()
  const free = await listen(probe)
  await new Promise((resolve) => probe.close(resolve))
  return free
}

function connectionOf() {
  const {
    type,
    host,
    database,
    tls,
    read: role,
  } = gate.gateway.config.connections['prod-maintenance'] as never as {
    [name: string]: unknown
  }
  return { type, host, database, tls, read: role }
}

/** The sum over all lines of this name with these labels. */
function numberOf(text: string, name: string, labels: Readonly<Record<string, string>>): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const found = lines.filter((line) => wanted.every((part) => line.includes(part)))
  return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

function read(options: { path?: string; method?: string; headers?: Record<string, string> } = {}, at = port) {
  return new Promise<{ status: number | undefined; type: string | undefined; text: string }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: at, path: '/metrics', ...options }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          type: response.headers['content-type'],
          text: Buffer.concat(chunks).toString(),
        }),
      )
    })
    sent.on('error', reject)
    sent.end()
  })
}
