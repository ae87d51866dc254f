import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { DEMO_PEOPLE } from '../../src/demo/people.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { type RealDatabase, startRealDatabase } from '../fixtures/realDatabase.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { formOf, openVisitor, type Visited, type Visitor } from './visitor.ts'

const oidOf = (end: string) => `6f1c1b3e-0000-4000-8000-${end.padStart(12, '0')}`
const personOf = (id: string, end: string, groups: string[]) => ({
  ...{ id, name: id, about: '' },
  claims: { oid: oidOf(end), preferred_username: `${id}@corp.example`, groups },
})
const PRIVACY_GROUP = oidOf('9d')
/** In the set that may see hidden values, in the one that may not, and in one that is asked by no rule. */
const HEIDI = personOf('heidi', 'c1', [PRIVACY_GROUP])
const IVAN = personOf('ivan', 'c2', [DEMO_IDS.reviewersGroup])
const OLGA = personOf('olga', 'c3', [oidOf('9e'), DEMO_IDS.reviewersGroup])
const PEOPLE = [...DEMO_PEOPLE, HEIDI, IVAN, OLGA]

const POLICY = `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT|SHOW
    action: require-approval
    approval: { reviewers: [dba, privacy] }
record: true
`
const approvals = {
  console: { enabled: true },
  reviewers: {
    dba: { groups: ['dba-leads'] },
    privacy: { groups: [PRIVACY_GROUP], people: [DEMO_IDS.engineer], mayReveal: true },
    others: { groups: [oidOf('9e')], mayReveal: true },
  },
  owners: { [DEMO_IDS.agentObject]: [DEMO_IDS.engineer] },
}

/** A value that somebody compares with a protected column, and things that stay hidden from everybody. */
const VALUE = 'canary-4471@shop.example'
/** In pieces, so that scanners of this repository find no secret in it. */
const TOKEN = ['AIza', 'N9pqJxM6LBgEDXxPg7NoPfE3bJYF21TzfMl'].join('')
const CREDENTIAL = 'canary-gateway-credential-0815'

let database: RealDatabase
let gate: RealGate
let visitor: Visitor
const open = (more: Partial<Parameters<typeof startRealGate>[0]> = {}) =>
  startRealGate({ database, people: PEOPLE, policies: [POLICY], config: { approvals }, ...more })
beforeAll(async () => {
  process.env.REVEAL_TEST_SECRET = CREDENTIAL
  database = await startRealDatabase()
  gate = await open({
    config: {
      approvals: { ...approvals, console: { enabled: true, clientSecret: { env: 'REVEAL_TEST_SECRET' } } },
    },
    limits: { reveals: { perSecond: 1e6, burst: 1e6 } },
  })
})
afterAll(async () => {
  await gate?.stop()
  await database?.stop()
})
beforeEach(() => {
  visitor = openVisitor(gate.url)
})

let made = 0
async function ask(sql = `SELECT id FROM users WHERE email = '${VALUE}'`, on = gate): Promise<string> {
  made += 1
  const oid = oidOf(String(930_000 + made))
  const answer = await on.sql(sql, { reason: 'Support.' }, { token: await on.mint('app-only', { claims: { oid } }) })
  expect(answer).toMatchObject({ status: 'pending_approval' })
  return answer.approval_id ?? ''
}
const pathOf = (id: string) => `/console/requests/${id}`
async function pageFor(id: string, person: string): Promise<Visited> {
  await visitor.signIn(person)
  return await visitor.visit(pathOf(id))
}
/** The form as it would be, for people to whom it is not offered. */
async function force(page: Visited, id: string, fields: Record<string, string> = {}): Promise<Visited> {
  const { hidden } = formOf(page.text, '/deny')
  return await visitor.visit(`${pathOf(id)}/reveal`, { form: { ...hidden, reason: '', ...fields } })
}
const eventsOf = async (id: string, name: string) =>
  (await gate.readTrail()).filter(({ event, approval }) => event === name && approval === id)

test('who may sees the fields whole, in that response alone, after it was recorded', async () => {
  const id = await ask()
  const page = await pageFor(id, 'heidi')
  expect(page.text).not.toContain(VALUE)
  expect(page.text).toContain('Show hidden values')
  const shown = await visitor.submit(page, '/reveal', { reason: 'Which customer is it?' })
  expect(shown.status).toBe(200)
  expect(shown.text).toContain(VALUE)
  expect(shown.text).toContain('Hidden values are shown below')
  expect(shown.headers.get('cache-control')).toBe('no-store')
  expect(shown.headers.get('content-security-policy')).toContain("default-src 'none'")
  const [told, ...more] = await eventsOf(id, 'approval.revealed')
  expect(more).toEqual([])
  expect(told).toMatchObject({ via: 'console', by: { oid: oidOf('c1') }, reason: 'Which customer is it?' })
  expect(told).toHaveProperty('call')
  // The next look shows what everybody sees.
  expect((await visitor.visit(pathOf(id))).text).not.toContain(VALUE)
  // It is no vote, and approving takes its own confirmation as before.
  expect(shown.text).toContain('name="read"')
  expect((await visitor.submit(shown, '/approve', { reason: '' })).status).toBe(400)
  expect((await gate.reviewer().show(id)).votes).toEqual([])
})

test('no other surface, file or later page has the value', async () => {
  const id = await ask()
  await visitor.submit(await pageFor(id, 'heidi'), '/reveal', { reason: VALUE.slice(0, 4) })
  const api = await gate.reviewer().ask(`/${id}`)
  const list = await gate.reviewer().ask('?state=all')
  const change = await visitor.visit(`${pathOf(id)}/modify`)
  await gate.reviewer().deny(id)
  const later = [pathOf(id), '/console/requests', '/console/history'].map((path) => visitor.visit(path))
  const story = /href="(\/console\/calls\/[^"]+)"/.exec((await visitor.visit(pathOf(id))).text)?.[1] ?? ''
  const pages = [...(await Promise.all(later)), change, await visitor.visit(story)]
  expect(pages.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  expect(pages.at(-1)?.text).toContain('hidden values shown to')
  for (const { text } of pages) expect(text).not.toContain('canary-4471')
  const rest = JSON.stringify([api.body, list.body, await gate.readTrail(), gate.logLines])
  expect(rest).not.toContain('canary-4471')
})

test.each([
  ['ivan', 'is in a set that is asked and may not see it', 'ERR_REVEAL_NOT_ALLOWED'],
  ['olga', 'may see what is hidden, for a set that is not asked', 'ERR_REVEAL_NOT_ALLOWED'],
  ['ada', 'owns the agent, by name in the set', 'ERR_VOTE_OWNER'],
])('%s %s: nothing is offered, nothing shown, and the attempt is on record', async (person, _why, code) => {
  const owned = person === 'ada'
  const id = owned
    ? ((await gate.sql(`SELECT id FROM users WHERE email = '${VALUE}' AND id < ${made}`)).approval_id ?? '')
    : await ask()
  const page = await pageFor(id, person)
  expect(page.status).toBe(200)
  expect(page.text).not.toContain('Show hidden values')
  const sent = await force(page, id)
  expect(sent.status).toBe(403)
  expect(sent.text).not.toContain(VALUE)
  expect(await eventsOf(id, 'approval.vote_refused')).toMatchObject([{ vote: 'reveal', code }])
  expect(await eventsOf(id, 'approval.revealed')).toEqual([])
})

test('the caller’s own person sees nothing, in a reviewer set or not', async () => {
  const token = await gate.mint('delegated-with-idtyp', {
    claims: { oid: oidOf('c1'), groups: [DEMO_IDS.agentsGroup] },
  })
  const { approval_id: id = '' } = await gate.sql(`SELECT id FROM users WHERE email = '${VALUE}'`, {}, { token })
  expect(id).not.toBe('')
  const page = await pageFor(id, 'heidi')
  expect(page.text).not.toContain('Show hidden values')
  const sent = await force(page, id)
  expect(sent.status).toBe(403)
  expect(sent.text).not.toContain(VALUE)
  expect(await eventsOf(id, 'approval.vote_refused')).toMatchObject([{ code: 'ERR_VOTE_OWN_CALL' }])
})

test('secrets that a detector finds and credentials of the gateway stay hidden', async () => {
  const id = await ask(`SELECT id FROM users WHERE email IN ('${VALUE}', '${TOKEN}', 'x ${CREDENTIAL} y')`)
  const shown = await visitor.submit(await pageFor(id, 'heidi'), '/reveal', { reason: '' })
  expect(shown.text).toContain(VALUE)
  expect(shown.text).not.toContain(TOKEN)
  expect(shown.text).not.toContain(CREDENTIAL)
  expect(shown.text).toContain('[masked:google-api-key]')
})

test('characters that deceive are marked, and warned of', async () => {
  const id = await ask("SELECT id FROM users WHERE email = 'a\u202Eb@x.example'")
  const page = await pageFor(id, 'heidi')
  expect(page.text).not.toContain('U+202E')
  const shown = await visitor.submit(page, '/reveal', { reason: '' })
  expect(shown.text).toContain('⟦U+202E⟧')
  expect(shown.text).toMatch(/<li><bdi>sql: 1 ×/)
})

test.each<[string, Record<string, string>, number, string]>([
  ['without the token of the session', { csrf: 'x'.repeat(43) }, 403, 'ERR_CONSOLE_FORM'],
  ['for another digest', { digest: `hmac-sha256:${'0'.repeat(64)}` }, 409, 'ERR_VOTE_DIGEST'],
  ['with a field more', { read: 'yes' }, 400, 'ERR_VOTE_MALFORMED'],
])('a form %s shows nothing', async (_what, fields, status, code) => {
  const id = await ask()
  const sent = await visitor.submit(await pageFor(id, 'heidi'), '/reveal', { reason: '', ...fields })
  expect(sent.status).toBe(status)
  expect(sent.text).not.toContain(VALUE)
  expect(await eventsOf(id, 'approval.vote_refused')).toMatchObject([{ vote: 'reveal', code }])
})

test('an address alone, another site, and nobody show nothing', async () => {
  const id = await ask()
  const page = await pageFor(id, 'heidi')
  const { action, hidden } = formOf(page.text, '/reveal')
  expect((await visitor.visit(action)).status).toBe(404)
  const form = { ...hidden, reason: '' }
  const foreign = await visitor.visit(action, { form, headers: { origin: 'https://evil.example' } })
  expect([foreign.status, (await visitor.visit(action, { form, cookies: '' })).status]).toEqual([403, 401])
  expect(await eventsOf(id, 'approval.revealed')).toEqual([])
  const api = await gate.reviewer({ oid: oidOf('c1'), groups: [PRIVACY_GROUP] }).ask(`/${id}/reveal`, {
    method: 'POST',
    body: { digest: hidden.digest },
  })
  expect(api.status).toBe(404)
})

test('what is decided, and what hides nothing, is not shown anew', async () => {
  const id = await ask()
  const page = await pageFor(id, 'heidi')
  await gate.reviewer().deny(id)
  const late = await visitor.submit(page, '/reveal', { reason: '' })
  expect(late.status).toBe(409)
  expect(late.text).not.toContain(VALUE)
  const plain = await ask('SELECT id FROM jobs')
  const open = await visitor.visit(pathOf(plain))
  expect(open.text).not.toContain('Show hidden values')
  expect((await force(open, plain)).text).toContain('Nothing that may be shown is hidden')
})

test('a person who was stopped sees nothing', async () => {
  const id = await ask()
  const page = await pageFor(id, 'heidi')
  const store = openSqliteStore(gate.storePath)
  const { number } = await store.revoke({ kind: 'person', id: oidOf('c1') }, 'test', undefined, Date.now())
  const sent = await visitor.submit(page, '/reveal', { reason: '' })
  await store.undoRevocation(number, 'test', Date.now())
  await store.close()
  expect(sent.status).toBe(403)
  expect(sent.text).not.toContain(VALUE)
  expect(await eventsOf(id, 'approval.revealed')).toEqual([])
})

describe('a gate of its own', () => {
  test('a person is shown so many and no more', async () => {
    const small = await open({ limits: { reveals: { perSecond: 1e-6, burst: 2 } } })
    try {
      visitor = openVisitor(small.url)
      const page = await pageFor(await ask(undefined, small), 'heidi')
      const answers = []
      for (let time = 0; time < 3; time++) answers.push(await visitor.submit(page, '/reveal', { reason: '' }))
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
      expect(answers[2]?.text).not.toContain(VALUE)
    } finally {
      await small.stop()
    }
  })

  test('when it cannot be recorded, nothing is shown', async () => {
    // The place of the file is looked at with every checkpoint.
    const broken = await open({ config: { approvals, audit: { checkpoint: { records: 1 } } } })
    try {
      visitor = openVisitor(broken.url)
      const page = await pageFor(await ask(undefined, broken), 'heidi')
      const [file = ''] = (await readdir(broken.auditDir)).filter((name) => name.endsWith('.jsonl'))
      await rename(join(broken.auditDir, file), join(broken.auditDir, `${file}.moved`))
      await expect.poll(async () => (await broken.sql('SELECT 1')).code, { timeout: 10_000 }).toBe('ERR_AUDIT')
      const sent = await visitor.submit(page, '/reveal', { reason: '' })
      expect(sent.status).toBe(503)
      expect(sent.text).not.toContain(VALUE)
    } finally {
      await broken.stop()
    }
  })
})
