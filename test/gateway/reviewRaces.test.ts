import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLog } from '../../src/adapters/log.ts'
import type { ReviewView } from '../../src/approvals/review.ts'
import { type RunningGateway, startGateway } from '../../src/startGateway.ts'
import { callTool } from '../fixtures/callTool.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { listen } from '../fixtures/wire.ts'

const ANN = { oid: '6f1c1b3e-0000-4000-8000-0000000000a1', preferred_username: 'ann' }
const BEN = { oid: '6f1c1b3e-0000-4000-8000-0000000000b1', preferred_username: 'ben' }

let gate: RealGate
let other: RunningGateway
beforeAll(async () => {
  gate = await startRealGate({ config: { approvals: { inlineWait: '5s' } } })
  const probe = createServer()
  const port = await listen(probe)
  await new Promise((resolve) => probe.close(resolve))
  const config = JSON.parse(await readFile(gate.configPath, 'utf8'))
  const listenAt = `127.0.0.1:${port}`
  Object.assign(config.server, { listen: listenAt, publicUrl: `http://${listenAt}/mcp` })
  config.audit.dir = 'audit-second'
  const configPath = join(gate.dir, 'second.yaml')
  await writeFile(configPath, JSON.stringify(config))
  other = await startGateway({ configPath, log: openLog(new PassThrough().resume()), replica: 'second' })
  await gate.admin('CREATE TABLE hits (id int PRIMARY KEY, n int NOT NULL DEFAULT 0); GRANT ALL ON hits TO PUBLIC')
}, 60_000)
afterAll(async () => {
  await other?.stop('request')
  await gate?.stop()
})

async function ask(base: string, path: string, who: object, body: unknown): Promise<number> {
  const token = await gate.issuer.mint('reviewer', { claims: { ...who } })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const url = new URL(`/api/approvals/${path}`, base)
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status
}

/** A change takes longer than a vote. Readings of the request come before the others, so that now this wins, now that. */
async function after<T>(readings: number, id: string, act: () => Promise<T>): Promise<T> {
  for (let read = 0; read < readings; read += 1) await gate.reviewer(ANN).show(id)
  return await act()
}

async function lastOf(id: string): Promise<ReviewView> {
  const view = await gate.reviewer(ANN).show(id)
  return view.replaced_by === null ? view : await lastOf(view.replaced_by.id)
}

const KINDS = ['another change', 'a denial', 'a withdrawal'] as const
const races = KINDS.flatMap((kind) => [0, 4, 8, 12].map((readings) => [kind, readings] as const))

test.each(races)(
  'a change, an approval and %s at two gateways at once (%i): one wins, and what it says runs once',
  async (kind, readings) => {
    const row = races.findIndex((one) => one[0] === kind && one[1] === readings)
    await gate.admin(`INSERT INTO hits (id) VALUES (${row})`)
    const azp = `6f1c1b3e-0000-4000-8000-00000000f${String(row).padStart(3, '0')}`
    const token = await gate.mint('app-only', { claims: { roles: ['Agent.Access', 'db-maintenance-agents'], azp } })
    const sql = (by: number) => `UPDATE hits SET n = n + ${by} WHERE id = ${row}`
    const calling = callTool(gate.url, token, 'run_sql', { connection: 'prod-maintenance', sql: sql(1) })
    const find = async () => (await gate.reviewer(ANN).list()).find(({ who }) => who.app === azp)
    await expect.poll(find, { timeout: 10_000 }).toBeDefined()
    const { id = '', digest } = (await find()) ?? {}
    const third = {
      'another change': () => ask(other.url, `${id}/modify`, BEN, { digest, set: { sql: sql(1_000) } }),
      'a denial': () => after(readings, id, () => ask(gate.url, `${id}/deny`, BEN, { digest, reason: 'Not now.' })),
      'a withdrawal': () =>
        after(readings, id, async () => {
          const { status } = await callTool(other.url, token, 'withdraw_approval', { approval_id: id })
          return status === 'ok' ? 200 : 409
        }),
    }[kind]
    const won = await Promise.all([
      ask(gate.url, `${id}/modify`, ANN, { digest, set: { sql: sql(100) } }),
      after(readings, id, () => ask(other.url, `${id}/approve`, BEN, { digest })),
      third(),
    ])
    expect(won).toContain(200)
    // A withdrawal reaches what took the place of the request, and what was approved and has not begun.
    if (kind !== 'a withdrawal') expect(won.filter((status) => status === 200)).toHaveLength(1)

    const last = await lastOf(id)
    if (last.state === 'pending') {
      const [author, reader] = last.change?.by === 'ann' ? [ANN, BEN] : [BEN, ANN]
      expect(await ask(other.url, `${last.id}/approve`, author, { digest: last.digest })).toBe(403)
      const both = [gate.url, other.url].map((url) => ask(url, `${last.id}/approve`, reader, { digest: last.digest }))
      expect(await Promise.all(both)).toEqual([200, 200])
    }
    await calling
    const collecting = [gate.url, other.url].map((url) => callTool(url, token, 'await_approval', { approval_id: id }))
    await Promise.all(collecting)
    const { state, change, what } = await lastOf(id)
    expect(['executed', 'denied', 'withdrawn']).toContain(state)
    const by = Number(/n \+ (\d+)/.exec(what.fields[0]?.text ?? '')?.[1])
    expect(change === null).toBe(by === 1)
    expect(await gate.admin(`SELECT n FROM hits WHERE id = ${row}`)).toEqual([{ n: state === 'executed' ? by : 0 }])
  },
  30_000,
)
