import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTokenVerifier } from '../../src/identity/createTokenVerifier.ts'
import { codeOf, entraAt, type Gateway, startGateway } from './gateway.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let gateway: Gateway
beforeEach(async () => {
  gateway = await startGateway()
})
afterEach(() => gateway.close())

const mint = (more = {}) => gateway.issuer.mint('delegated', more)
/** A token that stays valid when the test's clock moves by `ms`. */
const mintFor = (ms: number) => {
  const at = Math.floor((Date.now() + ms) / 1000)
  return mint({ claims: { iat: at, nbf: at, exp: at + 600 } })
}
const tryToken = async (token: string) => await codeOf(gateway.authenticate(token))

/** A bare issuer whose key set is whatever the test says. */
async function serveKeys(keysAt: (origin: string) => readonly object[]) {
  const server = createServer((request, response) => {
    const origin = `http://${request.headers.host}`
    const document = { issuer: `${origin}/${gateway.issuer.tenantId}/v2.0`, jwks_uri: `${origin}/keys` }
    response.end(JSON.stringify(request.url === '/keys' ? { keys: keysAt(origin) } : document))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    authority: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('rotation', () => {
  test('a key that is replaced under the same kid no longer vouches for remembered tokens', async () => {
    const [first, second] = [await gateway.issuer.strayKey(), await gateway.issuer.strayKey()]
    let published = first
    const { authority, close } = await serveKeys(() => [{ ...published.publicJwk, kid: 'same' }])
    const verifier = createTokenVerifier(entraAt(authority), {
      readSecret: () => Promise.reject(new Error('unused')),
      policyGroupIds: () => [],
      now: gateway.clock.now,
    })
    const claims = { iss: `${authority}/${gateway.issuer.tenantId}/v2.0` }
    const lifetime = 26 * 3600
    const token = await mint({ key: first, header: { kid: 'same' }, claims, lifetime })
    expect(await codeOf(verifier.verify(token))).toBe('accepted')
    published = second
    gateway.clock.advance(25 * HOUR)
    expect(await codeOf(verifier.verify(token))).toBe('ERR_TOKEN_SIGNATURE')
    verifier.close()
    await close()
  })

  test('a new key is fetched when a token first names it, and the old one goes on working while it is published', async () => {
    const old = await mint()
    expect(await tryToken(old)).toBe('accepted')
    await gateway.issuer.rotate('keep')
    expect(await tryToken(await mint())).toBe('accepted')
    expect(await tryToken(old)).toBe('accepted')
    expect(gateway.issuer.requests.keys).toBe(2)
  })

  test('a withdrawn key stops working, also for a token that was verified before', async () => {
    const old = await mint()
    expect(await tryToken(old)).toBe('accepted')
    await gateway.issuer.rotate('withdraw')
    expect(await tryToken(await mint())).toBe('accepted')
    expect(await tryToken(old)).toBe('ERR_TOKEN_KEY_UNKNOWN')
  })

  test('unknown keys cause one fetch in five minutes, then one more', async () => {
    const stray = await gateway.issuer.strayKey()
    const token = await mint({ key: stray })
    await tryToken(await mint())
    for (let round = 0; round < 5; round += 1) expect(await tryToken(token)).toBe('ERR_TOKEN_KEY_UNKNOWN')
    expect(gateway.issuer.requests.keys).toBe(2)
    gateway.clock.advance(5 * MINUTE + 1)
    expect(await tryToken(token)).toBe('ERR_TOKEN_KEY_UNKNOWN')
    expect(gateway.issuer.requests.keys).toBe(3)
  })

  test('keys are fetched again in the background after an hour, without making the call wait for it', async () => {
    await tryToken(await mint())
    gateway.issuer.misbehave('slow')
    gateway.clock.advance(HOUR + 1)
    expect(await tryToken(await mintFor(HOUR))).toBe('accepted')
    await expect.poll(() => gateway.issuer.requests.keys).toBe(2)
  })

  test('200 callers at once with a new key make one fetch', async () => {
    await tryToken(await mint())
    await gateway.issuer.rotate('keep')
    const tokens = await Promise.all(Array.from({ length: 200 }, () => mint()))
    expect(new Set(await Promise.all(tokens.map(tryToken)))).toEqual(new Set(['accepted']))
    expect(gateway.issuer.requests.keys).toBe(2)
  })
})

describe('outage', () => {
  test('20 concurrent unknown keys during an outage make one fetch, and 20 more make none', async () => {
    await tryToken(await mint())
    const before = { ...gateway.issuer.requests }
    gateway.issuer.misbehave('down')
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, index) => mint({ header: { kid: `unknown-${index}` } })),
    )
    expect(new Set(await Promise.all(tokens.map(tryToken)))).toEqual(new Set(['ERR_KEYS_UNAVAILABLE']))
    expect(new Set(await Promise.all(tokens.map(tryToken)))).toEqual(new Set(['ERR_KEYS_UNAVAILABLE']))
    const { keys, discovery } = gateway.issuer.requests
    expect(keys + discovery - before.keys - before.discovery).toBe(1)
  })

  test('last good keys survive an outage of two days and not of four', async () => {
    await tryToken(await mint())
    gateway.issuer.misbehave('down')
    gateway.clock.advance(48 * HOUR)
    expect(await tryToken(await mintFor(48 * HOUR))).toBe('accepted')
    gateway.clock.advance(48 * HOUR)
    expect(await tryToken(await mintFor(96 * HOUR))).toBe('ERR_KEYS_UNAVAILABLE')
    expect(await gateway.verifier.ready()).toMatchObject([{ provider: 'entra', ready: false }])
  })

  test.each(['down', 'error', 'redirect'] as const)(
    'nothing is accepted while keys were never seen: %s',
    async (fault) => {
      gateway.issuer.misbehave(fault)
      const token = await mint()
      expect(await tryToken(token)).toBe('ERR_KEYS_UNAVAILABLE')
      expect(await gateway.verifier.ready()).toMatchObject([{ ready: false, problem: expect.any(String) }])
      gateway.issuer.misbehave('none')
      expect(await tryToken(token)).toBe('ERR_KEYS_UNAVAILABLE')
      gateway.clock.advance(30_001)
      expect(await tryToken(token)).toBe('accepted')
      expect(await gateway.verifier.ready()).toEqual([{ provider: 'entra', ready: true, problem: undefined }])
    },
  )

  test('a remembered token still expires while nothing can be fetched', async () => {
    const token = await mint({ lifetime: 600 })
    expect(await tryToken(token)).toBe('accepted')
    gateway.issuer.misbehave('down')
    gateway.clock.advance(600_000 + 30_000)
    expect(await tryToken(token)).toBe('accepted')
    gateway.clock.advance(31_000)
    expect(await tryToken(token)).toBe('ERR_TOKEN_EXPIRED')
  })
})

describe('discovery', () => {
  test('a document that names another issuer is not used, and operators are told', async () => {
    gateway.issuer.misbehave('other-issuer')
    expect(await tryToken(await mint())).toBe('ERR_KEYS_UNAVAILABLE')
    expect(gateway.issuer.requests.keys).toBe(0)
    const [state] = await gateway.verifier.ready()
    expect(state?.problem).toContain(gateway.issuer.issuer)
  })

  test('no address in a token is fetched', async () => {
    const header = { jku: `${gateway.issuer.authority}/jku`, x5u: `${gateway.issuer.authority}/x5u` }
    expect(await tryToken(await mint({ header }))).toBe('accepted')
    expect(gateway.issuer.requests).toEqual({ discovery: 1, keys: 1, token: 0 })
  })

  test.each([
    [
      'keys of another tenant',
      (keys: readonly object[], other: string) => keys.map((key) => ({ ...key, issuer: other })),
    ],
    ['keys for encryption', (keys: readonly object[]) => keys.map((key) => ({ ...key, use: 'enc' }))],
    [
      'keys for another algorithm family',
      (keys: readonly object[]) => keys.map((key) => ({ ...key, kty: 'oct', k: 'AAAA' })),
    ],
    ['no keys', () => []],
  ])('a key set with %s verifies nothing', async (_title, change) => {
    const token = await mint()
    const published = { ...gateway.issuer.key.publicJwk }
    const { authority, close } = await serveKeys((origin) =>
      change([published], `${origin}/0a0a0a0a-0000-4000-8000-000000000009/v2.0`),
    )
    const verifier = createTokenVerifier(entraAt(authority), {
      readSecret: () => Promise.reject(new Error('unused')),
      policyGroupIds: () => [],
    })
    const claims = { iss: `${authority}/${gateway.issuer.tenantId}/v2.0` }
    expect(await codeOf(verifier.verify(await mint({ claims })))).toBe('ERR_KEYS_UNAVAILABLE')
    expect(await tryToken(token)).toBe('accepted')
    verifier.close()
    await close()
  })
})
