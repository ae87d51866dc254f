import { expect, test } from 'vitest'
import { webhookSettings } from '../../src/webhook/settings.ts'
import { readWebhookKey } from '../../src/webhook/signature.ts'

const good = { url: 'https://tickets.corp.example/hooks/countersign?team=db', secret: { env: 'TICKETS_WEBHOOK' } }

test('a receiver needs an address and a secret, and hears everything unless events are named', () => {
  expect(
    webhookSettings.parse([good, { ...good, url: 'http://127.0.0.1:9/x', events: ['approval.requested'] }]),
  ).toEqual([good, { ...good, url: 'http://127.0.0.1:9/x', events: ['approval.requested'] }])
})

test.each<[string, Record<string, unknown>]>([
  ['plain http over a network', { url: 'http://tickets.corp.example/x' }],
  ['plain http to what only looks like loopback', { url: 'http://127.0.0.1.evil.example/x' }],
  ['loopback as a user name', { url: 'http://127.0.0.1@evil.example/x' }],
  ['a user in the address', { url: 'https://u:p@tickets.corp.example/x' }],
  ['another protocol', { url: 'file:///etc/passwd' }],
  ['no URL', { url: 'tickets' }],
  ['the secret itself', { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }],
  ['no secret', { secret: undefined }],
  ['an unknown event', { events: ['approval.revealed'] }],
  ['no events at all', { events: [] }],
  ['an unknown key', { verify: false }],
])('refused: %s', (_, over) => {
  expect(webhookSettings.safeParse([{ ...good, ...over }]).success).toBe(false)
})

test('the same receiver twice is refused, also when it is written differently', () => {
  const twice = [good, { ...good, url: good.url.replace('https://tickets', 'HTTPS://Tickets') }]
  expect(webhookSettings.safeParse(twice).success).toBe(false)
})

test.each([
  ['without its prefix', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  ['too short', `whsec_${Buffer.alloc(23, 1).toString('base64')}`],
  ['too long', `whsec_${Buffer.alloc(65, 1).toString('base64')}`],
  ['not base64', 'whsec_!MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
])('a secret %s is refused without repeating it', (_, secret) => {
  expect(() => readWebhookKey(secret, 'approvals.webhooks[0].secret')).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', message: expect.not.stringContaining('MfKQ9r8G') }),
  )
})
