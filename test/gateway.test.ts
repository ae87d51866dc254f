import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DEMO_IDS } from '../src/demo/writeConfig.ts'
import { type RealGate, startRealGate } from './fixtures/realGate.ts'

const POLICY = `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT
    action: allow
  - match: DELETE|UPDATE|INSERT
    action: require-approval
    approval: { maxRows: 200 }
record: true
`

const DELETE = "DELETE FROM jobs WHERE state = 'failed' AND finished_at < '2026-02-01'"

let gate: RealGate
beforeAll(async () => {
  gate = await startRealGate({
    policies: [POLICY],
    config: { approvals: { owners: { [DEMO_IDS.agentObject]: ['6f1c1b3e-0000-4000-8000-0000000000f0'] } } },
  })
})
afterAll(() => gate?.stop())

// Each test starts from the same rows, and asks for a statement of its own, so that none joins another's request.
let serial = 0
let token = ''
const own = (sql: string) => `${sql} /* ${++serial} */`
beforeEach(async () => {
  // A client app of its own for each test: what a caller may ask of reviewers in a minute is limited.
  const azp = `6f1c1b3e-0000-4000-8000-00000000f0${String(serial).padStart(2, '0')}`
  token = await gate.mint('app-only', { claims: { roles: ['Agent.Access', 'db-maintenance-agents'], azp } })
  await gate.admin(`
    DELETE FROM jobs;
    INSERT INTO jobs (id, kind, state, finished_at) OVERRIDING SYSTEM VALUE
    SELECT n, 'sync', CASE WHEN n <= 37 THEN 'failed' ELSE 'done' END, timestamptz '2026-01-15' FROM generate_series(1, 400) n;
    INSERT INTO job_logs (job_id, line) SELECT n, 'x' FROM generate_series(1, 400) n;
  `)
})
const failedJobs = async () => Number((await gate.admin("SELECT count(*) FROM jobs WHERE state = 'failed'"))[0]?.count)

async function requested(sql: string, args: Record<string, unknown> = {}) {
  const answer = await gate.sql(sql, args, { token })
  expect(answer.status).toBe('pending_approval')
  return answer.approval_id ?? ''
}
const collect = (id: string, as = token) => gate.call('await_approval', { approval_id: id }, { token: as })

describe('what was approved is what runs, once', () => {
  test('the reviewer sees the statement, the rows it would hit and the cascade; then it runs once', async () => {
    const id = await requested(own(DELETE), { reason: 'They slow the queue down.' })
    const view = await gate.reviewer().show(id)
    expect(view.what.fields[0]?.text).toContain(DELETE)
    expect(view).toMatchObject({ effect: { rows: 37 }, reason: 'They slow the queue down.', limits: { max_rows: 200 } })
    expect(view.why.map(({ operation }) => operation)).toEqual(['DELETE', 'cascade:public.job_logs'])
    expect(await failedJobs()).toBe(37)
    await gate.reviewer().approve(id)
    // Deleted jobs and, by cascade, their logs.
    expect(await collect(id)).toMatchObject({ status: 'ok', result: { rows_changed: 74 } })
    expect(await failedJobs()).toBe(0)
    await gate.admin("INSERT INTO jobs (kind, state, finished_at) VALUES ('sync', 'failed', '2026-01-01')")
    expect(await collect(id)).toMatchObject({ status: 'ok', result: { rows_changed: 74 } })
    expect(await failedJobs()).toBe(1)
  })

  test('twenty calls that collect one approval at once execute it once', async () => {
    const id = await requested(own("UPDATE jobs SET kind = kind || '!' WHERE id = 1"))
    await gate.reviewer().approve(id)
    const answers = await Promise.all(Array.from({ length: 20 }, () => collect(id)))
    expect(answers.filter(({ status }) => status === 'ok').length).toBeGreaterThan(0)
    expect(await gate.admin('SELECT kind FROM jobs WHERE id = 1')).toEqual([{ kind: 'sync!' }])
  })

  test('more rows than were approved: rolled back, nothing lost', async () => {
    const sql = own("DELETE FROM jobs WHERE state = 'failed'")
    const id = await requested(sql)
    await gate.reviewer().approve(id)
    await gate.admin("UPDATE jobs SET state = 'failed'")
    expect(await collect(id)).toMatchObject({ status: 'failed', code: 'ERR_SQL_MAX_ROWS' })
    expect(await failedJobs()).toBe(400)
    expect(await gate.admin('SELECT count(*) FROM job_logs')).toEqual([{ count: '400' }])
  })

  test('a cascade counts: 120 jobs and 120 logs are more than 200 rows', async () => {
    const id = await requested(own('DELETE FROM jobs WHERE id > 280'))
    await gate.reviewer().approve(id)
    expect(await collect(id)).toMatchObject({ code: 'ERR_SQL_MAX_ROWS' })
    expect(await gate.admin('SELECT count(*) FROM jobs')).toEqual([{ count: '400' }])
  })

  test.each([
    [
      'a trigger that appeared',
      "CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'; CREATE TRIGGER t BEFORE DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION noop()",
      'DROP TRIGGER t ON jobs; DROP FUNCTION noop()',
    ],
    ['a rule that appeared', 'CREATE RULE r AS ON DELETE TO jobs DO ALSO DELETE FROM users', 'DROP RULE r ON jobs'],
    [
      'a table of the same name in its place',
      'ALTER TABLE jobs RENAME TO jobs_old; CREATE TABLE jobs (LIKE jobs_old); GRANT ALL ON jobs TO gate_rw, gate_ro',
      'DROP TABLE jobs; ALTER TABLE jobs_old RENAME TO jobs',
    ],
  ])('%s between approval and execution stops it', async (_title, change, undo) => {
    const id = await requested(own(DELETE))
    await gate.reviewer().approve(id)
    await gate.admin(change)
    try {
      expect(await collect(id)).toMatchObject({ code: 'ERR_APPROVAL_CHANGED' })
    } finally {
      await gate.admin(undo)
    }
    expect(await failedJobs()).toBe(37)
    expect(Number((await gate.admin('SELECT count(*) FROM users'))[0]?.count)).toBe(500)
  })

  test('a policy that became stricter meanwhile stops it; a comment does not', async () => {
    const original = await readFile(gate.policyPath, 'utf8')
    const first = await requested(own(DELETE))
    await gate.reviewer().approve(first)
    try {
      await writeFile(gate.policyPath, POLICY.replace('maxRows: 200', 'maxRows: 10'))
      expect(await gate.gateway.reload()).toMatchObject({ ok: true })
      const answer = await collect(first)
      expect(['ERR_APPROVAL_POLICY', 'ERR_APPROVAL_CHANGED']).toContain(answer.code)
      expect(await failedJobs()).toBe(37)
      await writeFile(gate.policyPath, `# only words\n${original}`)
      expect(await gate.gateway.reload()).toMatchObject({ ok: true })
      const second = await requested(own(DELETE))
      await writeFile(gate.policyPath, original)
      await gate.gateway.reload()
      await gate.reviewer().approve(second)
      expect(await collect(second)).toMatchObject({ status: 'ok' })
    } finally {
      await writeFile(gate.policyPath, original)
      await gate.gateway.reload()
    }
  })

  test('a policy file that does not load leaves the old one in force and says where', async () => {
    const original = await readFile(gate.policyPath, 'utf8')
    await writeFile(gate.policyPath, original.replace('action: allow', 'action: alow'))
    try {
      const reloaded = await gate.gateway.reload()
      expect(reloaded).toMatchObject({ ok: false, problems: [{ line: 6 }] })
      expect(await gate.sql('SELECT 1')).toMatchObject({ status: 'ok' })
    } finally {
      await writeFile(gate.policyPath, original)
    }
  })

  test('the same words from another agent, or of the same human through another client, are other requests', async () => {
    const sql = own(DELETE)
    const id = await requested(sql)
    await gate.reviewer().approve(id)
    const roles = ['Agent.Access', 'db-maintenance-agents']
    const other = await gate.mint('app-only', { claims: { roles, azp: '6f1c1b3e-0000-4000-8000-0000000000e1' } })
    expect(await gate.sql(sql, {}, { token: other })).toMatchObject({ status: 'pending_approval' })
    expect(await collect(id, other)).toMatchObject({ code: 'ERR_APPROVAL_UNKNOWN' })
    expect(await failedJobs()).toBe(37)
  })
})

test('a kept result is not handed out once its connection protects more than it did', async () => {
  const id = await requested(own('DELETE FROM jobs WHERE id = 1 RETURNING id, state'))
  await gate.reviewer().approve(id)
  const collect = () => gate.call('await_approval', { approval_id: id }, { token })
  expect(await collect()).toMatchObject({ status: 'ok', result: { rows: [[1, 'failed']] } })
  expect(await collect()).toMatchObject({ status: 'ok', result: { rows: [[1, 'failed']] } })
  const before = await readFile(gate.configPath, 'utf8')
  await writeFile(gate.configPath, before.replace('"users.email"', '"users.email", "jobs.state"'))
  expect(await gate.gateway.reload()).toMatchObject({ ok: true })
  const later = await collect()
  expect(later).toMatchObject({ status: 'ok', message: expect.stringContaining('no longer kept') })
  expect(later.result).toBeUndefined()
  await writeFile(gate.configPath, before)
  expect(await gate.gateway.reload()).toMatchObject({ ok: true })
})

describe('who may vote', () => {
  test('a token for calling tools never votes, whoever holds it', async () => {
    const id = await requested(own(DELETE))
    const { digest } = await gate.reviewer().show(id)
    const body = JSON.stringify({ digest })
    for (const shape of ['app-only', 'delegated', 'agent', 'agent-user', 'agent-on-behalf-of-user'] as const) {
      const token = await gate.mint(shape, { claims: { groups: [DEMO_IDS.reviewersGroup] } })
      const response = await fetch(new URL(`/api/approvals/${id}/approve`, gate.url), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body,
      })
      expect(response.status).toBe(403)
      expect(await response.text()).toContain('ERR_REVIEWER')
    }
    expect(await gate.reviewer().show(id)).toMatchObject({ state: 'pending', votes: [] })
  })

  const refusals: [string, Record<string, unknown>, string][] = [
    ['an owner of the agent', { oid: '6f1c1b3e-0000-4000-8000-0000000000f0' }, 'ERR_VOTE_OWNER'],
    ['somebody who is no reviewer', { groups: [] }, 'ERR_VOTE'],
  ]
  test.each(refusals)('%s is refused, and the refusal is on record', async (_title, claims, code) => {
    const id = await requested(own(DELETE))
    const { digest } = await gate.reviewer().show(id)
    const refused = await gate.reviewer(claims).ask(`/${id}/approve`, { method: 'POST', body: { digest } })
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(JSON.stringify(refused.body)).toContain(code)
    expect(await gate.reviewer().show(id)).toMatchObject({ state: 'pending' })
    const trail = await gate.readTrail()
    expect(trail.some((record) => record.event === 'approval.vote_refused' && record.approval === id)).toBe(true)
  })

  test('a double click is one vote, and a race of approve and deny has one winner', async () => {
    const first = await requested(own(DELETE))
    const reviewer = gate.reviewer()
    await Promise.all([reviewer.approve(first), reviewer.approve(first)])
    expect((await reviewer.show(first)).votes).toHaveLength(1)

    const second = await requested(own(DELETE))
    const people = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'].map((id) =>
      gate.reviewer({ oid: `6f1c1b3e-0000-4000-8000-0000000000${id}` }),
    )
    const outcomes = await Promise.allSettled(
      people.map((person, n) => (n % 2 === 0 ? person.approve(second) : person.deny(second))),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const { state } = await reviewer.show(second)
    const answer = await collect(second)
    expect(answer.status).toBe(state === 'approved' ? 'ok' : 'denied')
    expect(await failedJobs()).toBe(state === 'approved' ? 0 : 37)
  })

  test('a reviewer who was revoked after voting takes the vote along', async () => {
    const id = await requested(own(DELETE))
    const oid = '6f1c1b3e-0000-4000-8000-0000000000c7'
    await gate.reviewer({ oid }).approve(id)
    const { openSqliteStore } = await import('../src/adapters/sqliteStore.ts')
    const store = openSqliteStore(gate.storePath)
    const { number } = await store.revoke({ kind: 'person', id: oid }, 'test', undefined, Date.now())
    expect(await collect(id)).toMatchObject({ code: 'ERR_APPROVAL_VOTE_REVOKED' })
    expect(await failedJobs()).toBe(37)
    await store.undoRevocation(number, 'test', Date.now())
    await store.close()
  })
})

describe('the kill switch', () => {
  test('stops a caller at once, on the wire as in a waiting call', async () => {
    const roles = ['Agent.Access', 'db-maintenance-agents']
    const azp = '6f1c1b3e-0000-4000-8000-0000000000d4'
    const token = await gate.mint('app-only', { claims: { roles, azp } })
    expect(await gate.sql('SELECT 1', {}, { token })).toMatchObject({ status: 'ok' })
    const { openSqliteStore } = await import('../src/adapters/sqliteStore.ts')
    const store = openSqliteStore(gate.storePath)
    await store.revoke({ kind: 'app', id: azp }, 'test', undefined, Date.now())
    const response = await fetch(gate.url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    })
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('ERR_REVOKED')
    await store.close()
  })
})

describe('what clients find without a token', () => {
  test('a 401 that names the metadata, and metadata that names the issuer and the qualified scope', async () => {
    const refused = await fetch(gate.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect(refused.status).toBe(401)
    const [, metadataUrl = ''] = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '') ?? []
    const root = new URL('/.well-known/oauth-protected-resource', gate.url)
    for (const url of [metadataUrl, root]) {
      expect(await (await fetch(url)).json()).toMatchObject({
        resource: gate.url,
        authorization_servers: [gate.issuer.issuer],
        scopes_supported: [`${gate.url}/mcp.access`],
      })
    }
  })

  test('health says what is in the way and nothing else', async () => {
    expect(await (await fetch(new URL('/healthz', gate.url))).json()).toEqual({ status: 'ok' })
    const readiness = async () => (await fetch(new URL('/readyz', gate.url))).json()
    await expect.poll(readiness).toEqual({
      status: 'ready',
      checks: { trail: true, store: true, identity: true },
      connections: { reachable: 1, failing: 0, unknown: 0 },
    })
  })
})
