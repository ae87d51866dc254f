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
import { openWebhooks, type Webhooks } from '../../src/gateway/openWebhooks.ts'
import { newId } from '../../src/newId.ts'
import { createWebhookNotifier } from '../../src/webhook/createWebhookNotifier.ts'
import type { WebhookSettings } from '../../src/webhook/settings.ts'
import { anApproval, digestNamed, HOUR } from '../approvals/fixtures.ts'
import { openMemoryTrail } from '../audit/memoryTrail.ts'
import { eventually } from '../slack/slackGate.ts'
import { type Receiver, startReceiver } from './receiver.ts'

const SECRET = `whsec_${Buffer.alloc(32, 'k').toString('base64')}`
const DAY = 24 * HOUR

let dir: string
let store: StateStore
let receiver: Receiver
let open: Webhooks[]
let logged: string[]
let trail: ReturnType<typeof openMemoryTrail>
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'countersign-webhook-'))
  store = openSqliteStore(join(dir, 'store.db'))
  receiver = await startReceiver()
  open = []
  logged = []
  trail = openMemoryTrail()
})
afterEach(async () => {
  await Promise.all(open.map((one) => one.close()))
  await receiver.close()
  await store.close()
  rmSync(dir, { recursive: true, force: true })
})

async function start(over: { receivers?: WebhookSettings[]; epoch?: number; clock?: () => number } = {}) {
  const webhooks = await openWebhooks({
    receivers: over.receivers ?? [{ url: receiver.url, secret: { env: 'HOOK' } }],
    ...{ store, trail: trail.trail, nameGroup: (id) => id, linkTo: (id) => `https://gate.example/console/${id}` },
    ...{ readSecret: async () => SECRET, alsoSecret: () => {}, clock: over.clock ?? Date.now },
    lease: { replica: 'r1', epoch: over.epoch ?? 1 },
    log: openLog(new Writable({ write: (chunk, _, done) => done(void logged.push(String(chunk))) }), 'debug'),
  })
  open.push(webhooks)
  return webhooks
}

async function request(): Promise<Approval> {
  const now = Date.now()
  const id = newId('apr', now)
  const candidate = anApproval({ id, digest: digestNamed(id.slice(-20)), createdAt: now, expiresAt: now + HOUR })
  const terms = { needs: [{ set: 'dba', atLeast: 1 }], ttlMs: HOUR, previewRequired: false, reasonRequired: false }
  const result = await store.openOrJoin(candidate, terms, { maxPendingPerCaller: 100 }, now)
  if (!result.ok) throw new TypeError(result.code)
  for (const webhooks of open) webhooks.wake()
  return result.approval
}

async function withdrawn({ id }: Approval): Promise<void> {
  await store.change(id, (one) => withdraw(one, 'caller', Date.now()))
  for (const webhooks of open) webhooks.wake()
}

const bodies = () => receiver.received.map(({ body }) => JSON.parse(body))
const logs = (text: string) => eventually(() => logged.some((line) => line.includes(text)))

test('what happens to a request arrives in order, each once, with a link, and is on record once', async () => {
  await start()
  const one = await request()
  await eventually(() => receiver.accepted.length === 1)
  await withdrawn(one)
  await eventually(() => receiver.accepted.length === 2)
  expect(receiver.accepted).toEqual([`${one.id}.1`, `${one.id}.2`])
  expect(bodies()).toMatchObject([
    {
      type: 'approval.requested',
      data: { request: { id: one.id, state: 'pending' }, vote: null, link: `https://gate.example/console/${one.id}` },
    },
    { type: 'approval.withdrawn', data: { request: { id: one.id, state: 'withdrawn' } } },
  ])
  await eventually(() => trail.events.length === 1)
  expect(trail.events).toMatchObject([
    { event: 'approval.delivered', approval: one.id, via: 'webhook', to: `127.0.0.1:${receiver.port}` },
  ])
})

test.each<[string, Parameters<Receiver['behave']>[0]]>([
  ['500', { status: 500 }],
  ['404', { status: 404 }],
  ['429', { status: 429, headers: { 'retry-after': '1' } }],
  ['a connection that is reset', 'reset'],
])('after %s the same message is sent again, under the same id, and accepted once', async (_, trouble) => {
  receiver.behave(trouble)
  await start()
  const one = await request()
  await logs('cannot be told now')
  receiver.behave({ status: 200 })
  await eventually(() => receiver.accepted.length > 0)
  await logs('told again')
  expect(receiver.accepted).toEqual([`${one.id}.1`])
  expect(receiver.received.length).toBeGreaterThan(1)
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([`${one.id}.1`]))
})

test('a receiver that refuses connections gets the message when it is back', async () => {
  const { port } = receiver
  await receiver.close()
  await start()
  const one = await request()
  await logs('cannot be told now')
  receiver = await startReceiver(port)
  await eventually(() => receiver.accepted.length > 0)
  expect(receiver.accepted).toEqual([`${one.id}.1`])
})

test('a receiver that does not answer is given up in time and asked again; another one hears at once', async () => {
  const slow = await startReceiver()
  try {
    slow.behave('hang')
    await start({
      receivers: [
        { url: slow.url, secret: { env: 'HOOK' } },
        { url: receiver.url, secret: { env: 'HOOK' } },
      ],
    })
    const one = await request()
    await eventually(() => receiver.accepted.includes(`${one.id}.1`))
    await eventually(() => slow.received.length === 1)
    expect(logged.join('')).not.toContain('cannot be told now')
    await logs('answers too slowly')
    slow.behave({ status: 200 })
    await eventually(() => slow.accepted.length > 0)
    expect(slow.accepted).toEqual([`${one.id}.1`])
    expect(receiver.accepted).toEqual([`${one.id}.1`])
  } finally {
    await slow.close()
  }
})

test('a restart in the middle loses nothing and doubles nothing', async () => {
  const first = await start()
  const one = await request()
  await eventually(() => receiver.accepted.length === 1)
  receiver.behave({ status: 503 })
  const two = await request()
  await withdrawn(one)
  await logs('cannot be told now')
  await first.close()
  await store.close()
  const three = await (async () => {
    store = openSqliteStore(join(dir, 'store.db'))
    return request()
  })()
  receiver.behave({ status: 200 })
  await start({ epoch: 2 })
  await eventually(() => receiver.accepted.length === 4)
  expect(receiver.accepted).toEqual([`${one.id}.1`, `${two.id}.1`, `${one.id}.2`, `${three.id}.1`])
})

test('a stop while the receiver hangs does not wait for it, and the message is sent after the start', async () => {
  receiver.behave('hang')
  const first = await start()
  const one = await request()
  await eventually(() => receiver.received.length === 1)
  await first.close()
  receiver.behave({ status: 200 })
  await start({ epoch: 2 })
  await eventually(() => receiver.accepted.length > 0)
  expect(receiver.accepted).toEqual([`${one.id}.1`])
})

test('two gateways on one store send each message once', async () => {
  await start()
  await start({ epoch: 2 })
  const sent = [await request(), await request(), await request()]
  await eventually(() => receiver.accepted.length >= 3)
  await withdrawn(sent[0] as Approval)
  await eventually(() => receiver.accepted.length >= 4)
  expect(receiver.accepted).toHaveLength(4)
  expect(receiver.received).toHaveLength(4)
})

test('a redirect is not followed, wherever it leads', async () => {
  const other = await startReceiver()
  try {
    receiver.behave({ status: 307, headers: { location: other.url } })
    await start()
    const one = await request()
    await logs('redirect')
    receiver.behave({ status: 200 })
    await eventually(() => receiver.accepted.length > 0)
    expect(receiver.accepted).toEqual([`${one.id}.1`])
    expect(other.received).toEqual([])
  } finally {
    await other.close()
  }
})

test('a message that the receiver refuses as such is given up, and those after it arrive', async () => {
  receiver.behave({ status: 422 })
  await start()
  const one = await request()
  await logs('given up')
  receiver.behave({ status: 200 })
  const two = await request()
  await eventually(() => receiver.accepted.length > 0)
  expect(receiver.accepted).toEqual([`${two.id}.1`])
  expect(receiver.received.filter(({ headers }) => headers['webhook-id'] === `${one.id}.1`)).toHaveLength(1)
})

test('what was not accepted in three days is given up', async () => {
  await (await start()).close()
  await request()
  await start({ epoch: 2, clock: () => Date.now() + 3 * DAY + HOUR })
  await logs('not accepted in three days')
  expect(receiver.received).toEqual([])
})

test('a new receiver is not told the past', async () => {
  const before = await request()
  await start()
  const after = await request()
  await withdrawn(before)
  await eventually(() => receiver.accepted.length === 2)
  expect(receiver.accepted).toEqual([`${after.id}.1`, `${before.id}.2`])
})

test('an event that is heard again, because it could not be acknowledged, is sent once', async () => {
  const notifier = createWebhookNotifier({
    ...{ settings: { url: receiver.url, events: undefined }, key: Buffer.alloc(32), store, clock: Date.now },
    ...{ nameGroup: (id: string) => id, linkTo: () => undefined, onGivenUp: () => {} },
    ...{ recordDelivered: async () => {}, stopping: new AbortController().signal },
  })
  const one = await request()
  const [first] = await store.pendingEvents('notifier:x', 1)
  if (first === undefined) throw new TypeError('no event')
  await notifier.deliver(first.event, first.approval)
  await notifier.deliver(first.event, first.approval)
  expect(receiver.accepted).toEqual([`${one.id}.1`])
})

test('only the named events are sent', async () => {
  await start({ receivers: [{ url: receiver.url, secret: { env: 'HOOK' }, events: ['approval.withdrawn'] }] })
  const one = await request()
  await withdrawn(one)
  await eventually(() => receiver.received.length > 0)
  expect(bodies()).toMatchObject([{ type: 'approval.withdrawn' }])
})

test('neither the secret nor the path of the address is in a log or on record', async () => {
  receiver.behave({ status: 500 })
  await start()
  await request()
  await logs('cannot be told now')
  receiver.behave({ status: 200 })
  await eventually(() => trail.events.length === 1)
  const written = logged.join('') + JSON.stringify(trail.events)
  for (const secret of [SECRET, SECRET.slice(6), 'path-canary-3f']) expect(written).not.toContain(secret)
})

test('a secret that is none stops the start', async () => {
  const wrong = openWebhooks({
    ...{ receivers: [{ url: receiver.url, secret: { env: 'HOOK' } }], store, trail: trail.trail },
    ...{ nameGroup: (id: string) => id, linkTo: () => undefined, alsoSecret: () => {}, clock: Date.now },
    ...{ readSecret: async () => 'hunter2', lease: { replica: 'r1', epoch: 1 }, log: openLog(new Writable()) },
  })
  await expect(wrong).rejects.toMatchObject({ code: 'ERR_CONFIG', message: expect.not.stringContaining('hunter2') })
})
