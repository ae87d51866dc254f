import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLog } from '../../src/adapters/log.ts'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { drawApproval } from '../../src/cli/drawApproval.ts'
import { startGateway } from '../../src/startGateway.ts'
import { openVisitor } from '../console/visitor.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'

const ON_CALL = { oid: '6f1c1b3e-0000-4000-8000-0000000000c1', preferred_username: 'ona', groups: [] }
const SECOND = { oid: '6f1c1b3e-0000-4000-8000-0000000000c2', preferred_username: 'otto', groups: [] }

const POLICY = `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT
    action: allow
  - { match: DELETE, action: require-approval }
  - { match: INSERT, action: require-approval, approval: { escalation: none } }
  - { match: UPDATE, action: require-approval, approval: { escalation: { after: 1s, to: two-on-call } } }
`

let gate: RealGate
beforeAll(async () => {
  gate = await startRealGate({
    policies: [POLICY],
    config: {
      approvals: {
        console: { enabled: true },
        escalation: { after: '1s', to: 'on-call' },
        reviewers: {
          dba: { groups: ['dba-leads'] },
          'on-call': { people: [ON_CALL.oid] },
          'two-on-call': { people: [ON_CALL.oid, SECOND.oid], atLeast: 2 },
        },
      },
    },
  })
})
afterAll(() => gate?.stop())

async function eventually<T>(find: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await find()
    if (found !== undefined && found !== false) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
const ask = async (sql: string) => (await gate.sql(sql)).approval_id ?? ''
const escalated = (id: string) =>
  eventually(async () => {
    const view = await gate.reviewer().show(id)
    return view.escalation?.done === true && view
  })

test('what nobody decides moves to others: they decide, the first ones see it, and it runs', async () => {
  const id = await ask('DELETE FROM jobs WHERE id = 1')
  expect(await gate.reviewer().show(id)).toMatchObject({ escalation: { to: ['on-call'], done: false } })
  const view = await escalated(id)
  expect(view).toMatchObject({
    state: 'pending',
    needs: [{ reviewers: 'on-call', at_least: 1 }],
    escalation: { from: ['dba'] },
  })
  expect(drawApproval(view, Date.now())).toContain('moved from dba to on-call')
  const visitor = openVisitor(gate.url)
  await visitor.signIn('grace')
  expect((await visitor.visit('/console/requests')).text).toContain('escalated to <bdi>on-call</bdi>')
  // Who was asked first reads on, and decides no more.
  const { body } = await gate.reviewer().ask(`/${id}/approve`, { method: 'POST', body: { digest: view.digest } })
  expect(body).toMatchObject({ error: { code: 'ERR_VOTE_NOT_REVIEWER' } })
  await gate.reviewer(ON_CALL).approve(id)
  expect(await gate.call('await_approval', { approval_id: id })).toMatchObject({ status: 'ok' })
  expect(await gate.admin('SELECT 1 FROM jobs WHERE id = 1')).toEqual([])
  const events = (await gate.readTrail()).filter(({ approval }) => approval === id)
  expect(events.filter(({ event }) => event === 'approval.escalated')).toMatchObject([{ to: 'on-call' }])
})

test('a rule says where its own requests go, and how many of those people must agree', async () => {
  const id = await ask("UPDATE jobs SET kind = 'x' WHERE id = 2")
  await escalated(id)
  expect(await gate.reviewer(ON_CALL).approve(id)).toMatchObject({
    state: 'pending',
    needs: [{ approved: 1, at_least: 2 }],
  })
  expect(await gate.call('await_approval', { approval_id: id })).toMatchObject({ status: 'pending_approval' })
  expect(await gate.reviewer(SECOND).approve(id)).toMatchObject({ state: 'approved' })
})

test('a request of a rule that never moves stays where it is', async () => {
  const id = await ask("INSERT INTO jobs (kind, state) VALUES ('x', 'failed')")
  const other = await ask('DELETE FROM jobs WHERE id = 3')
  await escalated(other)
  expect(await gate.reviewer().show(id)).toMatchObject({ escalation: null, needs: [{ reviewers: 'dba' }] })
})

test('the time passes while the gateway is down, and two gateways move a request once', async () => {
  const id = await ask('DELETE FROM jobs WHERE id = 4')
  const { configPath, storePath } = gate
  await gate.gateway.stop('request')
  const log = openLog(new PassThrough().resume())
  const again = await startGateway({ configPath, log })
  const store = openSqliteStore(storePath)
  try {
    const moved = await eventually(async () => {
      await store.sweep(Date.now())
      const found = await store.get(id)
      return found?.escalated !== undefined && found
    })
    expect(moved.needs).toEqual([{ set: 'on-call', atLeast: 1 }])
    const events = await eventually(async () => {
      const found = (await gate.readTrail()).filter(({ approval }) => approval === id)
      return found.some(({ event }) => event === 'approval.escalated') && found
    })
    expect(events.filter(({ event }) => event === 'approval.escalated')).toHaveLength(1)
    expect(moved.version).toBe(2)
  } finally {
    await store.close()
    await again.stop('request')
  }
})
