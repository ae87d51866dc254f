import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { webhookEvent, webhookSettings } from '../../src/webhook/settings.ts'
import { signWebhook } from '../../src/webhook/signature.ts'
import { CREDENTIALS } from '../fixtures/realDatabase.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { eventually } from '../slack/slackGate.ts'
import { blockOf, documentedEvents, loadVerifier } from './documented.ts'
import { type Receiver, startReceiver } from './receiver.ts'

const SECRET = `whsec_${Buffer.from('a canary of thirty-two bytes 7Qx').toString('base64')}`
const PROTECTED = 'canary.9Zk@shop.example'

let gate: RealGate
let receiver: Receiver
let hanging: Receiver
let verify: Awaited<ReturnType<typeof loadVerifier>>
beforeAll(async () => {
  verify = await loadVerifier()
  receiver = await startReceiver()
  hanging = await startReceiver()
  hanging.behave('hang')
  process.env.TEST_WEBHOOK_SECRET = SECRET
  const secret = { env: 'TEST_WEBHOOK_SECRET' }
  gate = await startRealGate({
    config: {
      approvals: {
        console: { enabled: true },
        webhooks: [
          { url: hanging.url, secret },
          { url: receiver.url, secret },
        ],
      },
    },
  })
}, 60_000)
afterAll(async () => {
  await gate?.stop()
  await receiver?.close()
  await hanging?.close()
  delete process.env.TEST_WEBHOOK_SECRET
})

test('from the request to the outcome, a receiver verifies every message with the documented function', async () => {
  const asked = await gate.sql(`UPDATE users SET email = '${PROTECTED}' WHERE id = 1`, {
    reason: `because of ${SECRET} and ${CREDENTIALS.write.password}`,
  })
  expect(asked.status).toBe('pending_approval')
  const [first] = await eventually(() => receiver.received.length > 0 && receiver.received)
  const id = String(first?.headers['webhook-id']).split('.')[0] ?? ''
  await gate.reviewer().approve(id)
  await gate.call('await_approval', { approval_id: id })
  await eventually(() => receiver.received.length === 3)

  const link = new URL(`/console/requests/${id}`, gate.url).href
  const told = receiver.received.map(({ headers, body }) => verify(headers, body, SECRET))
  expect(told).toMatchObject([
    { type: 'approval.requested', data: { request: { id }, vote: null, link } },
    { type: 'approval.decided', data: { request: { id }, vote: { verdict: 'approve', via: 'api' }, link } },
    { type: 'approval.settled', data: { request: { id, state: 'executed' }, vote: null, link } },
  ])
  expect(new Set(receiver.accepted).size).toBe(3)
  expect(receiver.received.map(({ headers }) => headers['content-type'])).toEqual(Array(3).fill('application/json'))

  const { body, headers } = receiver.received[0] ?? { body: '', headers: {} }
  expect(() => verify(headers, body.replace('"pending"', '"approved"'), SECRET)).toThrow('not signed')
  expect(() => verify({ ...headers, 'webhook-id': 'apr_other.1' }, body, SECRET)).toThrow('not signed')
  expect(() => verify({ ...headers, 'webhook-signature': 'v1,' }, body, SECRET)).toThrow('not signed')
  expect(() => verify({ ...headers, 'webhook-timestamp': '1' }, body, SECRET)).toThrow('too old')
})

test('no secret and no protected value is in a payload, the log or the trail, and the delivery is on record', async () => {
  const trail = await eventually(async () => {
    const records = await gate.readTrail()
    return records.some(({ event }) => event === 'approval.delivered') && records
  })
  expect(trail.filter(({ event }) => event === 'approval.delivered')).toMatchObject([
    { via: 'webhook', to: `127.0.0.1:${receiver.port}` },
  ])
  const payloads = receiver.received.map(({ body }) => body).join('\n')
  expect(payloads).toContain('because of')
  for (const text of [payloads, gate.logLines.join(''), JSON.stringify(trail)]) {
    for (const secret of [SECRET, SECRET.slice(6), CREDENTIALS.write.password, PROTECTED]) {
      expect(text).not.toContain(secret)
    }
  }
  for (const text of [gate.logLines.join(''), JSON.stringify(trail)]) expect(text).not.toContain('path-canary-3f')
})

test('the documented example has the shape of what is sent, and the settings load', () => {
  const keysOf = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, FREE.has(key) ? '' : keysOf(inner)]))
      : ''
  const decided = receiver.received.map(({ body }) => JSON.parse(body)).find(({ type }) => type === 'approval.decided')
  expect(keysOf(JSON.parse(blockOf('json')))).toEqual(keysOf(decided))
  expect(webhookSettings.safeParse(parse(blockOf('yaml')).approvals.webhooks).success).toBe(true)
  expect(documentedEvents).toEqual(webhookEvent.options)
})

/** Chosen by people, or by the tool. */
const FREE = new Set(['labels', 'effect'])

test('the signature is that of Standard Webhooks: the vector of its reference libraries', () => {
  const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
  expect(signWebhook(key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}', 1_614_265_330_000)).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})
