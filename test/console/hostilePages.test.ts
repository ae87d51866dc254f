import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEMO_PEOPLE } from '../../src/demo/people.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { openVisitor } from './visitor.ts'

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(1)>'\`</textarea></title><a href="javascript:alert(1)">x</a>`
const QUOTED = HOSTILE.replaceAll("'", "''")
const claims = { preferred_username: HOSTILE, name: HOSTILE, groups: [DEMO_IDS.reviewersGroup] }
const HEIDI = {
  id: 'heidi',
  name: 'Heidi',
  about: '',
  claims: { ...claims, oid: '6f1c1b3e-0000-4000-8000-0000000000c1' },
}

let gate: RealGate
beforeAll(async () => {
  gate = await startRealGate({
    people: [...DEMO_PEOPLE, HEIDI],
    config: {
      approvals: { console: { enabled: true }, reviewers: { dba: { groups: ['dba-leads'], mayReveal: true } } },
    },
  })
})
afterAll(() => gate?.stop())

test('nothing that agents, reviewers and directories write is markup on any page', async () => {
  const token = await gate.mint('app-only', {
    claims: { name: HOSTILE, oid: '6f1c1b3e-0000-4000-8000-0000000000d1' },
  })
  const hidden = "OR id IN (SELECT id FROM users WHERE email = '<b>x</b>')"
  const asked = await gate.sql(`DELETE FROM jobs WHERE kind = '${QUOTED}' ${hidden}`, { reason: HOSTILE }, { token })
  const path = `/console/requests/${asked.approval_id}`
  const visitor = openVisitor(gate.url)
  await visitor.signIn('heidi')
  const page = await visitor.visit(path)
  const form = await visitor.visit(`${path}/modify`)
  const refused = await visitor.submit(form, '/modify', { 'edit-0': HOSTILE, reason: HOSTILE })
  const revealed = await visitor.submit(page, '/reveal', { reason: HOSTILE })
  expect(revealed.text).toContain('&lt;b&gt;x&lt;/b&gt;')
  const edit = `DELETE FROM jobs WHERE kind = '${QUOTED}' AND id = 3`
  const sent = await visitor.submit(form, '/modify', { 'edit-0': edit, reason: HOSTILE })
  expect(sent.status).toBe(303)
  const later = [
    ...[path, sent.headers.get('location') ?? '', `${sent.headers.get('location')}/modify`],
    ...['/console/requests', '/console/history', '/console/rules', '/console/accounts'],
    ...['/console/rules?by=%22%3E%3Cscript%3E', `/console/calls/${asked.call_id}`],
    ...['/console/link/%22%3E%3Cscript%3E', '/console/requests/%3Cscript%3E/modify'],
  ]
  const visited = await Promise.all(later.map((one) => visitor.visit(one)))
  const pages = [page, form, refused, revealed, ...visited]
  expect(pages.filter(({ text }) => text.includes('&lt;script&gt;alert')).length).toBeGreaterThan(10)
  for (const { text, headers } of pages) {
    for (const markup of ['<script>', '<img', '<b>x', 'href="javascript']) expect(text).not.toContain(markup)
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
  }
})
