import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { authenticate, checkStillValid } from '../../src/identity/authenticate.ts'
import { createReviewerVerifier } from '../../src/identity/createReviewerVerifier.ts'
import { reviewerAppSettings } from '../../src/identity/settings.ts'
import { openToken } from './forge.ts'
import { codeOf, type Gateway, refusalOf, startGateway } from './gateway.ts'
import { REFUSED } from './tokenCases.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
})
afterAll(() => gateway.close())

const CANARY = 'canary7f3a'

/** Everything about an error that a log could print, hidden properties and causes included. */
const everythingIn = (error: unknown) => inspect(error, { depth: 20, showHidden: true, maxStringLength: null })

describe('no part of a token leaks', () => {
  test.each(REFUSED)('$title', async ({ make }) => {
    const token = await make(gateway.issuer)
    const refusal = await refusalOf(gateway.authenticate(token))
    const shown = everythingIn(refusal)
    for (const part of token.split('.').filter((text) => text.length > 12)) expect(shown).not.toContain(part)
  })

  test('claims are not in the error either, whichever check refuses', async () => {
    const claims = { preferred_username: CANARY, sub: CANARY, uti: CANARY, name: CANARY }
    const variants = [
      { scp: CANARY },
      { aud: CANARY },
      { oid: CANARY },
      { iss: CANARY },
      { tid: CANARY },
      { exp: 1 },
      { ver: CANARY },
      { idtyp: CANARY },
    ]
    const reviewers = createReviewerVerifier(
      reviewerAppSettings.parse({ clientId: DEMO_IDS.reviewerApp }),
      gateway.verifier,
    )
    for (const variant of variants) {
      const token = await gateway.issuer.mint('delegated', { claims: { ...claims, ...variant } })
      expect(everythingIn(await refusalOf(gateway.authenticate(token)))).not.toContain(CANARY)
      expect(everythingIn(await refusalOf(reviewers.verify(token)))).not.toContain(CANARY)
    }
    const kid = await gateway.issuer.mint('delegated', { header: { kid: CANARY } })
    expect(everythingIn(await refusalOf(gateway.authenticate(kid)))).not.toContain(CANARY)
  })

  test('the caller holds no credential', async () => {
    const token = await gateway.issuer.mint('delegated')
    expect(everythingIn(await gateway.authenticate(token))).not.toContain(openToken(token).signature)
  })

  test('an unexpected failure is reported by where it happened, without its message', async () => {
    const broken = await refusalOf(
      authenticate(CANARY, async (token) => {
        throw new RangeError(`could not read ${token}`)
      }),
    )
    expect(broken.code).toBe('ERR_INTERNAL')
    expect(everythingIn(broken)).not.toContain(CANARY)
    expect((broken.cause as Error).stack).toContain('authenticate.test.ts')
  })
})

test('a caller whose token expired while the call waited is turned back', async () => {
  const caller = await gateway.authenticate(await gateway.issuer.mint('delegated', { lifetime: 600 }))
  const expiry = caller.expiresAt.getTime()
  const at = (ms: number) => codeOf((async () => checkStillValid(caller, new Date(ms)))())
  expect(await at(expiry - 1)).toBe('accepted')
  expect(await at(expiry + 60_000)).toBe('ERR_TOKEN_EXPIRED')
})

test('a token that was verified once is verified by its whole text: one changed character is another token', async () => {
  const token = await gateway.issuer.mint('delegated')
  expect(await codeOf(gateway.authenticate(token))).toBe('accepted')
  const flipped = token.slice(0, -10) + (token.at(-10) === 'A' ? 'B' : 'A') + token.slice(-9)
  expect(await codeOf(gateway.authenticate(flipped))).toBe('ERR_TOKEN_SIGNATURE')
})
