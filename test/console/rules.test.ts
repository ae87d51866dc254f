import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { expire } from '../../src/approvals/transitions.ts'
import { showStatistics } from '../../src/cli/showStatistics.ts'
import { DEMO_PEOPLE } from '../../src/demo/people.ts'
import { newId } from '../../src/newId.ts'
import { anApproval } from '../approvals/fixtures.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { openVisitor, type Visitor } from './visitor.ts'

const POLICY = `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - { match: SELECT, action: allow }
  - { name: small-deletes, match: DELETE, action: require-approval }
  - { name: corrections, match: UPDATE, action: require-approval }
`

const EVE = { id: 'eve', name: 'Eve', about: '', claims: { oid: '6f1c1b3e-0000-4000-8000-0000000000ee', groups: [] } }

let gate: RealGate
let visitor: Visitor
beforeAll(async () => {
  gate = await startRealGate({
    people: [...DEMO_PEOPLE, EVE],
    policies: [POLICY],
    config: { approvals: { console: { enabled: true } } },
  })
  const reviewer = gate.reviewer()
  const asked: string[] = []
  for (const id of [1, 2, 3]) {
    const answer = await gate.sql(`DELETE FROM jobs WHERE id = ${id}`)
    asked.push(answer.approval_id ?? '')
  }
  await gate.sql('UPDATE jobs SET state = state WHERE id = 9')
  const [first = '', second = ''] = asked
  await reviewer.approve(first)
  await reviewer.deny(second, 'not today')
}, 60_000)
afterAll(() => gate.stop())
beforeEach(() => {
  visitor = openVisitor(gate.url)
})

describe('the page of rules', () => {
  test('shows which rules asked, where they stand, and what people answered', async () => {
    await visitor.signIn('grace')
    const page = await visitor.visit('/console/rules')
    expect(page.status).toBe(200)
    expect(page.text).toContain('4 requests in the last 7 days')
    const rows = page.text.split('<tr role="row">').slice(2)
    expect(rows).toHaveLength(3)
    expect(rows[0]).toMatch(/db-maintenance-agents \/ small-deletes/)
    expect(rows[0]).toMatch(/policy0\.yaml:6/)
    expect(rows[0]).toMatch(/>3 <span class="quiet">by 1 caller, 1 waiting</)
    expect(rows[0]).toMatch(/1 <span class="quiet">50 %</)
    expect(rows[0]).toContain('<rect class="share-approved" x="0.00" y="0" width="33.33" height="6">')
    // What the gate asks about by itself, because no rule names it.
    expect(rows[1]).toMatch(/no rule<.*cascade:\*/)
    expect(rows[2]).toMatch(/corrections/)
    expect(rows[2]).toContain('nobody decided')
    expect(page.text).not.toContain('style=')
  })

  test('counts another time in another order, and nothing else that an address can say', async () => {
    await visitor.signIn('grace')
    const page = await visitor.visit('/console/rules?since=30d&by=time')
    expect(page.text).toContain('in the last 30 days')
    expect(page.text).toMatch(/aria-sort="descending"><a href="[^"]*by=time">/)
    for (const query of ['since=31d', 'by=name', 'since=7d&x=1', 'since=7d&since=24h']) {
      const refused = await visitor.visit(`/console/rules?${query}`)
      expect([query, refused.status]).toEqual([query, query.includes('since=24h') ? 200 : 400])
    }
  })

  test('is for reviewers: without a session there is a way in, and without a set there are no numbers', async () => {
    const before = await visitor.visit('/console/rules')
    expect(before.text).toContain('Sign in to review')
    expect(before.text).not.toContain('small-deletes')
    const back = await visitor.signIn('grace', '/console/rules')
    expect(back.text).toContain('content="0;url=/console/rules"')
    const eve = openVisitor(gate.url)
    await eve.signIn('eve')
    const refused = await eve.visit('/console/rules')
    expect(refused.text).toContain('ERR_VOTE_NOT_REVIEWER')
    expect(refused.text).not.toContain('small-deletes')
  })
})

test('a running gateway forgets what was closed 90 days ago, once the trail has it', async () => {
  const store = openSqliteStore(gate.storePath)
  const at = Date.now() - 91 * 86_400_000
  const old = anApproval({ id: newId('apr', at), createdAt: at, expiresAt: at + 60_000 })
  const terms = { needs: old.needs, ttlMs: 60_000, previewRequired: false, reasonRequired: false }
  await store.openOrJoin(old, terms, { maxPendingPerCaller: 5 }, at)
  await store.change(old.id, (one) => expire(one, at + 60_000))
  await expect.poll(() => store.get(old.id), { timeout: 30_000 }).toBeUndefined()
  await store.close()
  const told = (await gate.readTrail()).filter(({ approval }) => approval === old.id).map(({ event }) => event)
  expect(told).toEqual(['approval.requested', 'approval.expired'])
}, 40_000)

describe('countersign approvals stats', () => {
  async function stats(over: { json?: boolean; since?: string; by?: string; token?: string } = {}) {
    const [out, err]: [string[], string[]] = [[], []]
    const io = { out: (text: string) => void out.push(text), err: (text: string) => void err.push(text) }
    const token = over.token ?? (await gate.mint('reviewer'))
    const options = { url: gate.url, json: false, since: '7d', by: 'asked', ...over, token }
    const code = await showStatistics(options, io)
    return { code, out: out.join(''), err: err.join('') }
  }

  test('prints the same numbers as a table, and as JSON', async () => {
    const table = await stats()
    expect(table.code).toBe(0)
    expect(table.out).toMatch(/^RULE +ASKED +APPROVED +DENIED/)
    expect(table.out).toMatch(/small-deletes \(\S+policy0\.yaml:6\) +3 +1 \(50 %\) +1 +0 +0 +0 +1 +\d+ s/)
    expect(table.out).toMatch(/\n4 requests\n$/)
    const { out } = await stats({ json: true })
    expect(JSON.parse(out)).toMatchObject({
      requests: 4,
      rules: [{ rule: 'small-deletes' }, { consequence: 'cascade:*' }, { rule: 'corrections' }],
    })
  })

  test('says what may be asked for, and is refused to agents', async () => {
    expect(await stats({ since: '1y' })).toMatchObject({ code: 2, err: expect.stringContaining('24h, 7d or 30d') })
    expect((await stats({ token: await gate.mint('app-only') })).code).not.toBe(0)
  })
})
