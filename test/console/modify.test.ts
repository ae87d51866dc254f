import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DEMO_PEOPLE } from '../../src/demo/people.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { openVisitor, type Visited, type Visitor } from './visitor.ts'

/** A second reviewer, and a colleague in no set. */
const HEIDI = {
  id: 'heidi',
  name: 'Heidi',
  about: '',
  claims: {
    oid: '6f1c1b3e-0000-4000-8000-0000000000c1',
    preferred_username: 'heidi@corp.example',
    groups: [DEMO_IDS.reviewersGroup],
  },
}
const EVE = {
  ...{ id: 'eve', name: 'Eve', about: '' },
  claims: { oid: '6f1c1b3e-0000-4000-8000-0000000000ee', preferred_username: 'eve@corp.example', groups: [] },
}

let gate: RealGate
let visitor: Visitor
beforeAll(async () => {
  gate = await startRealGate({
    people: [...DEMO_PEOPLE, HEIDI, EVE],
    config: { approvals: { console: { enabled: true }, owners: { [DEMO_IDS.agentObject]: [DEMO_IDS.engineer] } } },
  })
})
afterAll(() => gate?.stop())
beforeEach(() => {
  visitor = openVisitor(gate.url)
})

let jobs = 0
async function ask(sql = `DELETE FROM jobs WHERE id = ${jobs + 1}`): Promise<string> {
  jobs += 1
  const oid = `6f1c1b3e-0000-4000-8000-${String(920_000 + jobs).padStart(12, '0')}`
  const answer = await gate.sql(
    sql,
    { reason: 'Tidying up.' },
    { token: await gate.mint('app-only', { claims: { oid } }) },
  )
  expect(answer).toMatchObject({ status: 'pending_approval' })
  return answer.approval_id ?? ''
}
const pathOf = (id: string) => `/console/requests/${id}`
const formFor = async (id: string, person = 'grace'): Promise<Visited> => {
  await visitor.signIn(person)
  return await visitor.visit(`${pathOf(id)}/modify`)
}
const show = (id: string) => gate.reviewer().show(id)

test('the form has the request in it; what is sent becomes another one, with the difference above it', async () => {
  const id = await ask("DELETE FROM jobs\nWHERE state = 'failed'")
  const form = await formFor(id)
  expect(form.text).toContain('DELETE FROM jobs\nWHERE state = &#39;failed&#39;</textarea>')
  const sent = await visitor.submit(form, '/modify', {
    'edit-0': "DELETE FROM jobs\r\nWHERE state = 'failed' AND id < 3",
    reason: '<b>fewer</b>',
  })
  expect(sent.status).toBe(303)
  const page = await visitor.visit(sent.headers.get('location') ?? '')
  expect(page.text).toContain('What a reviewer changed')
  expect(page.text).toContain('<span class="code-removed">- WHERE')
  expect(page.text).toContain('<span class="code-added">+ WHERE')
  expect(page.text).toContain('&lt;b&gt;fewer&lt;/b&gt;')
  expect(page.text).not.toContain('<b>fewer')
  const child = (await show(id)).replaced_by?.id ?? ''
  expect((await show(child)).what.fields[0]?.text).toBe("DELETE FROM jobs\nWHERE state = 'failed' AND id < 3")
  expect((await visitor.visit(pathOf(id))).text).toContain(`<a href="${pathOf(child)}">another request</a>`)
  expect((await visitor.visit('/console/requests')).text).toContain('changed by <bdi>grace@corp.example</bdi>')
  expect((await visitor.visit('/console/history')).text).toContain('changed by a reviewer')
  // Somebody else approves it.
  const heidi = openVisitor(gate.url)
  await heidi.signIn('heidi')
  expect((await heidi.submit(await heidi.visit(pathOf(child)), '/approve', { reason: '' })).status).toBe(303)
  expect((await show(child)).state).toBe('approved')
})

test('a refusal says why, above what was typed', async () => {
  const id = await ask()
  const typed = 'TRUNCATE jobs -- <script>'
  const sent = await visitor.submit(await formFor(id), '/modify', { 'edit-0': typed, reason: 'all "of" it' })
  expect(sent.status).toBe(409)
  expect(sent.text).toContain('Policy denies the changed call to this agent')
  expect(sent.text).toContain('TRUNCATE jobs -- &lt;script&gt;</textarea>')
  expect(sent.text).toContain('value="all &quot;of&quot; it"')
  expect(await show(id)).toMatchObject({ state: 'pending', replaced_by: null })
})

test.each<[string, Record<string, string>, number]>([
  ['nothing that differs', {}, 409],
  ['a form of somebody else', { csrf: 'x'.repeat(43), 'edit-0': 'DELETE FROM jobs WHERE id = 99' }, 403],
  [
    'a digest of something else',
    { digest: `hmac-sha256:${'0'.repeat(64)}`, 'edit-0': 'DELETE FROM jobs WHERE id = 99' },
    409,
  ],
  ['a field that the form does not have', { 'edit-7': 'x' }, 400],
  ['a field by another name', { sql: 'DELETE FROM jobs WHERE id = 99' }, 400],
])('%s changes nothing', async (_what, fields, status) => {
  const sql = `DELETE FROM jobs WHERE id = ${500 + jobs}`
  const id = await ask(sql)
  const sent = await visitor.submit(await formFor(id), '/modify', { 'edit-0': sql, reason: '', ...fields })
  expect(sent.status).toBe(status)
  expect(await show(id)).toMatchObject({ state: 'pending', replaced_by: null })
})

test('who owns the agent or is in no reviewer set changes nothing', async () => {
  const id = await ask()
  const owned = (await gate.sql(`DELETE FROM jobs WHERE id = ${700 + jobs}`)).approval_id ?? ''
  const form = await formFor(owned, 'ada')
  if (form.status === 200) {
    const sent = await visitor.submit(form, '/modify', { 'edit-0': 'DELETE FROM jobs WHERE id = 98', reason: '' })
    expect(sent.text).toContain('An owner of the agent does not decide')
  }
  expect((await show(owned)).state).toBe('pending')
  const eve = openVisitor(gate.url)
  await eve.signIn('eve')
  expect((await eve.visit(`${pathOf(id)}/modify`)).status).toBe(403)
})

test('what is decided leads back to the request', async () => {
  const id = await ask()
  const form = await formFor(id)
  await gate.reviewer().deny(id)
  expect((await visitor.visit(`${pathOf(id)}/modify`)).headers.get('location')).toBe(pathOf(id))
  const late = await visitor.submit(form, '/modify', { 'edit-0': 'DELETE FROM jobs WHERE id = 97', reason: '' })
  expect(late.status).toBe(409)
  expect(late.text).toContain('The decision has been made already')
})

test('a form that holds a hidden value shows none of it, and takes the whole argument anew', async () => {
  const id = await ask("UPDATE users SET plan = 'x' WHERE email = 'canary-771@shop.example'")
  const form = await formFor(id)
  expect(form.text).not.toContain('canary-771')
  expect(form.text).not.toContain('[masked')
  expect((await visitor.submit(form, '/modify', { 'edit-0': '', reason: '' })).text).toContain(
    'can only be replaced whole',
  )
  expect(
    (await visitor.submit(form, '/modify', { 'edit-0': "UPDATE users SET plan = 'x' WHERE id = 2", reason: '' }))
      .status,
  ).toBe(303)
  const child = (await show(id)).replaced_by?.id ?? ''
  expect((await visitor.visit(pathOf(child))).text).not.toContain('canary-771')
})
