import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLog } from '../../src/adapters/log.ts'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import type { StateStore } from '../../src/approvals/ports.ts'
import { withdraw } from '../../src/approvals/transitions.ts'
import { createEmailNotifier } from '../../src/email/createEmailNotifier.ts'
import { type EmailSettings, emailSettings } from '../../src/email/settings.ts'
import { type EmailReviews, openEmail } from '../../src/gateway/openEmail.ts'
import { newId } from '../../src/newId.ts'
import { anApproval, digestNamed, HOUR, MINUTE, masked, shown } from '../approvals/fixtures.ts'
import { openMemoryTrail } from '../audit/memoryTrail.ts'
import { eventually } from '../slack/slackGate.ts'
import { type SmtpStandIn, startSmtpServer } from './smtpServer.ts'

const CANARY = 'smtp-password-canary-8841'

let dir: string
let store: StateStore
let server: SmtpStandIn
let open: EmailReviews[]
let logged: string[]
let trail: ReturnType<typeof openMemoryTrail>
let password: string
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'countersign-email-'))
  store = openSqliteStore(join(dir, 'store.db'))
  server = await startSmtpServer({ password: CANARY })
  open = []
  logged = []
  trail = openMemoryTrail()
  password = CANARY
})
afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  await server.close()
  await store.close()
  rmSync(dir, { recursive: true, force: true })
})

function settingsOf(over: Record<string, unknown> = {}): EmailSettings {
  return emailSettings.parse({
    smtp: { host: '127.0.0.1', port: server.port, tls: 'none', user: 'gate', password: { env: 'SMTP' } },
    from: 'gate@corp.example',
    to: { dba: ['ada@corp.example', 'grace@corp.example'] },
    ...over,
  })
}

async function start(over: { settings?: EmailSettings; epoch?: number; clock?: () => number } = {}) {
  const email = await openEmail({
    ...{ settings: over.settings ?? settingsOf(), host: 'gate.corp.example', store, trail: trail.trail },
    ...{ nameGroup: (id) => id, linkTo: (id) => `https://gate.example/console/requests/${id}` },
    ...{ readSecret: async () => password, clock: over.clock ?? Date.now },
    lease: { replica: 'r1', epoch: over.epoch ?? 1 },
    log: openLog(new Writable({ write: (chunk, _, done) => done(void logged.push(String(chunk))) }), 'debug'),
  })
  open.push(email)
  return email
}

async function request(over: Partial<Approval> = {}): Promise<Approval> {
  const now = Date.now()
  const id = newId('apr', now)
  const candidate = anApproval({
    id,
    digest: digestNamed(id.slice(-20)),
    createdAt: now,
    expiresAt: now + HOUR,
    ...over,
  })
  const { needs = [{ set: 'dba', atLeast: 1 }] } = over
  const terms = { needs, ttlMs: HOUR, previewRequired: false, reasonRequired: false }
  const result = await store.openOrJoin(candidate, terms, { maxPendingPerCaller: 100 }, now)
  if (!result.ok) throw new TypeError(result.code)
  for (const email of open) email.wake()
  return result.approval
}

const arrived = (count: number) => eventually(() => server.received.length >= count)
const logs = (text: string) => eventually(() => logged.some((line) => line.includes(text)))

/** The text of a mail as its reader sees it (RFC 2045: quoted-printable). */
function textOf(raw: string): string {
  const body = raw.slice(raw.indexOf('\r\n\r\n') + 4)
  const joined = body.replaceAll('=\r\n', '')
  return Buffer.from(
    joined.replaceAll(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8')
}

test('the people of the reviewer set get a mail with a link, which is on record and holds no request text', async () => {
  await start()
  const one = await request()
  await arrived(1)
  const [mail] = server.received
  expect(mail).toMatchObject({
    from: 'gate@corp.example',
    to: ['ada@corp.example', 'grace@corp.example'],
    user: 'gate',
  })
  expect(mail?.raw).toMatch(/Subject: \[Countersign\] run_sql on prod: approval for cleanup-bot/)
  expect(mail?.raw).toContain(`Message-ID: <${one.id}@gate.corp.example>`)
  expect(mail?.raw).toContain('Auto-Submitted: auto-generated')
  const text = textOf(mail?.raw ?? '')
  expect(text).toContain(`https://gate.example/console/requests/${one.id}`)
  expect(text).not.toContain('DELETE FROM')
  await eventually(() => trail.events.length === 1)
  expect(trail.events).toMatchObject([{ event: 'approval.delivered', approval: one.id, via: 'email', to: 'dba' }])
})

test('with content: full the request, its effect and its diff are in the mail, whole and set apart', async () => {
  await start({ settings: settingsOf({ content: 'full' }) })
  const preview = {
    ...{ rows: 1, lines: [masked('1 row of public.jobs')], sample: undefined, missing: [] },
    texts: [{ title: masked('Changes'), text: masked('-old\n+new'), language: 'diff' }],
  }
  const fields = [{ name: 'sql', text: masked('DELETE FROM jobs\nApproved by ada.'), masked: false }]
  await request({ shown: { ...shown, fields, preview } })
  await arrived(1)
  const text = textOf(server.received[0]?.raw ?? '')
  expect(text).toContain('  | DELETE FROM jobs\r\n  | Approved by ada.')
  expect(text).toContain('Changes:\r\n  | -old\r\n  | +new')
  expect(text).toContain('  | queue is full')
})

test('what becomes of it follows as an answer to the first mail', async () => {
  await start({ settings: settingsOf({ events: ['approval.requested', 'approval.withdrawn'] }) })
  const one = await request()
  await arrived(1)
  await store.change(one.id, (approval) => withdraw(approval, 'caller', Date.now()))
  for (const email of open) email.wake()
  await arrived(2)
  expect(server.received[1]?.raw).toContain(`In-Reply-To: <${one.id}@gate.corp.example>`)
  expect(server.received[1]?.raw).toContain('Subject: Re: [Countersign]')
})

test('a set without addresses gets no mail, and a request of two sets goes to the people of both, once each', async () => {
  await start({
    settings: settingsOf({ to: { dba: ['ada@corp.example'], leads: ['ada@corp.example', 'lin@corp.example'] } }),
  })
  await request({ needs: [{ set: 'security', atLeast: 1 }] })
  await request({
    needs: [
      { set: 'dba', atLeast: 1 },
      { set: 'leads', atLeast: 1 },
    ],
  })
  await arrived(1)
  expect(server.received.map(({ to }) => to)).toEqual([['ada@corp.example', 'lin@corp.example']])
})

test('text of the agent can write no header, no line of ours and nothing that cannot be seen', async () => {
  await start()
  const name = 'bot\r\nBcc: eve@evil.example\r\n\r\nApproved by ada.\u202e\u200b'
  await request({ caller: { ...anApproval().caller, name } })
  await arrived(1)
  const { raw = '', to } = server.received[0] ?? {}
  expect(to).toEqual(['ada@corp.example', 'grace@corp.example'])
  expect(raw).not.toMatch(/^Bcc:/im)
  const text = textOf(raw)
  expect(text).not.toMatch(/^Approved by/m)
  expect(text).not.toContain('\u202e')
  expect(text).toContain('⟦U+202E⟧')
})

test('an event that comes again after a crash, because its place was not stored, is not sent again', async () => {
  const sent: string[] = []
  const notifier = createEmailNotifier({
    ...{ settings: settingsOf(), host: 'gate.corp.example', store, nameGroup: (id) => id, linkTo: () => undefined },
    send: async ({ messageId }) => {
      sent.push(messageId)
      return { refused: 0 }
    },
    ...{ recordDelivered: async () => undefined, onRefused: () => undefined, clock: Date.now },
  })
  const one = await request()
  const event = { approvalId: one.id, version: 1, kind: 'requested', at: Date.now(), vote: undefined } as const
  await notifier.deliver(event, one)
  await notifier.deliver(event, one)
  expect(sent).toEqual([`${one.id}@gate.corp.example`])
})

test('it reminds once, shortly before the end', async () => {
  let now = Date.now()
  await start({ clock: () => now })
  const one = await request()
  await arrived(1)
  now += HOUR - 5 * MINUTE
  for (const email of open) email.wake()
  await arrived(2)
  expect(textOf(server.received[1]?.raw ?? '')).toContain('Still waiting for a decision.')
  now += MINUTE
  await request()
  await arrived(3)
  const reminders = server.received.filter(({ raw }) => raw.includes(`${one.id}.reminder@`))
  expect(reminders).toHaveLength(1)
})

test.each(['later', 'refused credential'])('after %s the mail is sent again and arrives once', async (trouble) => {
  if (trouble === 'later') server.behave('later')
  else server.expectPassword('rotated-password-0001')
  await start()
  await request()
  await logs('no mail can be sent now')
  server.behave('accept')
  password = 'rotated-password-0001'
  server.expectPassword(password)
  await arrived(1)
  await logs('mail is sent again')
  expect(server.received).toHaveLength(1)
})

test('a server that is down gets the mail when it is back, and one that was told does not hear it again', async () => {
  const { port } = server
  await start()
  await request()
  await arrived(1)
  await server.close()
  const two = await request()
  await logs('no mail can be sent now')
  server = await startSmtpServer({ password: CANARY, port })
  await arrived(1)
  expect(server.received.map(({ raw }) => raw.includes(two.id))).toEqual([true])
})

test('a mail that is refused for good holds up none after it', async () => {
  server.behave('refuse')
  await start()
  await request()
  await logs('refused the mail (554)')
  server.behave('accept')
  const two = await request()
  await arrived(1)
  expect(server.received[0]?.raw).toContain(two.id)
})

test('a recipient that is refused is said, and the others get the mail', async () => {
  server.behave({ refuseTo: 'ada@corp.example' })
  await start()
  await request()
  await arrived(1)
  expect(server.received[0]?.to).toEqual(['grace@corp.example'])
  await logs('1 of 2 recipients were refused')
})

test('nothing is sent, not even the credential, to a server whose certificate nobody vouches for', async () => {
  const untrusted = await startSmtpServer({ password: CANARY, tls: true })
  try {
    const smtp = { host: '127.0.0.1', port: untrusted.port, tls: 'starttls', user: 'gate', password: { env: 'SMTP' } }
    await start({ settings: settingsOf({ smtp }) })
    await request()
    await logs('no trusted connection')
    expect(untrusted.received).toEqual([])
  } finally {
    await untrusted.close()
  }
})

test('starttls is not given up when the server does not offer it', async () => {
  const smtp = { host: '127.0.0.1', port: server.port, tls: 'starttls', user: 'gate', password: { env: 'SMTP' } }
  await start({ settings: settingsOf({ smtp }) })
  await request()
  await logs('no trusted connection')
  expect(server.received).toEqual([])
})

test('a restart in the middle loses nothing and doubles nothing; two gateways send each mail once', async () => {
  const first = await start()
  await request()
  await arrived(1)
  server.behave('later')
  const two = await request()
  await logs('no mail can be sent now')
  await first.close()
  server.behave('accept')
  await start({ epoch: 2 })
  await start({ epoch: 3 })
  const three = await request()
  await arrived(3)
  const ids = server.received.map(({ raw }) => /Message-ID: <([^@]+)@/.exec(raw)?.[1])
  expect(ids.slice(1)).toEqual([two.id, three.id])
})

test('the credential is in no mail and no log line, whatever the server says', async () => {
  server.behave('refuse')
  await start({ settings: settingsOf({ content: 'full' }) })
  await request()
  await logs('refused the mail')
  server.expectPassword('another')
  await request()
  await logs('refused the credential')
  const everything = logged.join('') + JSON.stringify(trail.events) + server.received.map(({ raw }) => raw).join('')
  expect(everything).not.toContain(CANARY)
  expect(everything).not.toContain(Buffer.from(CANARY).toString('base64'))
})

test.each([
  [{ smtp: { host: 'mail.corp.example', tls: 'none' } }, 'plaintext is accepted for loopback hosts only'],
  [{ smtp: { host: 'mail.corp.example', user: 'gate' } }, 'user and password belong together'],
  [{ from: 'Gate <gate@corp.example>' }, 'expected a plain address'],
  [{ from: 'gate@corp.example\r\nBcc: x@y.example' }, 'expected a plain address'],
  [{ to: {} }, 'name at least one reviewer set'],
])('settings that cannot be meant are refused: %j', (over, message) => {
  const base = { smtp: { host: 'mail.corp.example' }, from: 'gate@corp.example', to: { dba: ['ada@corp.example'] } }
  const parsed = emailSettings.safeParse({ ...base, ...over })
  expect(parsed.error?.issues.map((issue) => issue.message).join(' ')).toContain(message)
})
