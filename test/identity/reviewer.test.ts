import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type MintOptions, startIssuer } from '../../src/demo/issuer.ts'
import type { TokenShape } from '../../src/demo/tokenShapes.ts'
import { DEMO_DIRECTORY } from '../../src/demo/tokenShapes.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { createReviewerVerifier, type ReviewerVerifier } from '../../src/identity/createReviewerVerifier.ts'
import { createTokenVerifier } from '../../src/identity/createTokenVerifier.ts'
import { reviewerAppSettings } from '../../src/identity/settings.ts'
import { codeOf, entraAt, type Gateway, startGateway } from './gateway.ts'

let gateway: Gateway
let reviewers: ReviewerVerifier
beforeAll(async () => {
  gateway = await startGateway()
  reviewers = createReviewerVerifier(reviewerAppSettings.parse({ clientId: DEMO_IDS.reviewerApp }), gateway.verifier)
})
afterAll(() => gateway.close())

const nowSeconds = () => Math.floor(Date.now() / 1000)

test('a fresh login at the reviewer app is a reviewer, comparable with the person behind a caller', async () => {
  const reviewer = await reviewers.verify(await gateway.issuer.mint('reviewer'))
  expect(reviewer).toMatchObject({
    person: `entra/${DEMO_IDS.tenant}/${DEMO_IDS.reviewer}`,
    subject: DEMO_IDS.reviewer,
    name: 'grace@corp.example',
    provider: 'entra',
    groups: { known: true, ids: [DEMO_IDS.reviewersGroup] },
  })
  const sameHuman = await gateway.authenticate(
    await gateway.issuer.mint('agent-on-behalf-of-user', { claims: { oid: DEMO_IDS.reviewer } }),
  )
  expect(reviewer.person).toBe(sameHuman.person)
})

test('a login of seven hours ago votes, one of nine hours ago does not, however fresh the token is', async () => {
  const loggedInBefore = (hours: number) =>
    gateway.issuer.mint('reviewer', { claims: { auth_time: nowSeconds() - hours * 3600 } })
  expect(await codeOf(reviewers.verify(await loggedInBefore(7)))).toBe('accepted')
  expect(await codeOf(reviewers.verify(await loggedInBefore(9)))).toBe('ERR_REVIEWER_LOGIN_OLD')
})

const forReviewers = {
  aud: DEMO_IDS.reviewerApp,
  azp: DEMO_IDS.reviewerApp,
  scp: 'approvals.review',
  auth_time: nowSeconds(),
}

const cases: readonly { title: string; code: ErrorCode; shape: TokenShape; options?: MintOptions }[] = [
  { title: 'a token for calling tools', code: 'ERR_REVIEWER_MCP_TOKEN', shape: 'delegated' },
  {
    title: 'a token for calling tools that has the scope, client and login of a reviewer',
    code: 'ERR_REVIEWER_MCP_TOKEN',
    shape: 'reviewer',
    options: { claims: { aud: DEMO_IDS.gateway, scp: 'approvals.review mcp.access' } },
  },
  {
    title: 'a token for both audiences',
    code: 'ERR_REVIEWER_MCP_TOKEN',
    shape: 'reviewer',
    options: { claims: { aud: [DEMO_IDS.reviewerApp, DEMO_IDS.gateway] } },
  },
  { title: 'an app-only token for calling tools', code: 'ERR_REVIEWER_MCP_TOKEN', shape: 'app-only' },
  {
    title: 'a token for a third application',
    code: 'ERR_REVIEWER_AUDIENCE',
    shape: 'reviewer',
    options: { claims: { aud: DEMO_IDS.agentApp } },
  },
  {
    title: 'a token without audience',
    code: 'ERR_REVIEWER_AUDIENCE',
    shape: 'reviewer',
    options: { claims: { aud: undefined } },
  },
  {
    title: 'a reviewer token that an agent program obtained',
    code: 'ERR_REVIEWER_CLIENT',
    shape: 'reviewer',
    options: { claims: { azp: DEMO_DIRECTORY.personsAgentApp } },
  },
  {
    title: 'an agent acting for a reviewer',
    code: 'ERR_REVIEWER_KIND',
    shape: 'agent-on-behalf-of-user',
    options: { claims: forReviewers },
  },
  {
    title: "an agent's own user account",
    code: 'ERR_REVIEWER_KIND',
    shape: 'agent-user',
    options: { claims: forReviewers },
  },
  {
    title: 'an application',
    code: 'ERR_REVIEWER_KIND',
    shape: 'app-only',
    options: { claims: { ...forReviewers, scp: undefined } },
  },
  { title: 'an agent', code: 'ERR_REVIEWER_KIND', shape: 'agent', options: { claims: { ...forReviewers, scp: '/' } } },
  {
    title: 'a token without the scope of reviewers',
    code: 'ERR_REVIEWER_SCOPE',
    shape: 'reviewer',
    options: { claims: { scp: 'mcp.access' } },
  },
  {
    title: 'a token without the time of login: a fresh iat proves nothing',
    code: 'ERR_REVIEWER_LOGIN_UNKNOWN',
    shape: 'reviewer',
    options: { claims: { auth_time: undefined } },
  },
  {
    title: 'a login in the future',
    code: 'ERR_REVIEWER_LOGIN_UNKNOWN',
    shape: 'reviewer',
    options: { claims: { auth_time: nowSeconds() + 3600 } },
  },
  {
    title: 'a time of login in text',
    code: 'ERR_REVIEWER_LOGIN_UNKNOWN',
    shape: 'reviewer',
    options: { claims: { auth_time: String(nowSeconds()) } },
  },
  {
    title: 'an ID token of the reviewer app',
    code: 'ERR_TOKEN_IS_ID_TOKEN',
    shape: 'reviewer',
    options: { claims: { azp: undefined, nonce: 'x' } },
  },
  {
    title: 'an expired login token',
    code: 'ERR_TOKEN_EXPIRED',
    shape: 'reviewer',
    options: { claims: { iat: nowSeconds() - 900, exp: nowSeconds() - 300 } },
  },
]

describe('tokens that never vote', () => {
  test.each(cases)('$title: $code', async ({ shape, options, code }) => {
    expect(await codeOf(reviewers.verify(await gateway.issuer.mint(shape, options)))).toBe(code)
  })

  test('a program that is listed in the config may obtain reviewer tokens', async () => {
    const settings = reviewerAppSettings.parse({ clientId: DEMO_IDS.reviewerApp, clients: [DEMO_IDS.agentApp] })
    const lenient = createReviewerVerifier(settings, gateway.verifier)
    const token = await gateway.issuer.mint('reviewer', { claims: { azp: DEMO_IDS.agentApp } })
    expect(await codeOf(lenient.verify(token))).toBe('accepted')
    expect(await codeOf(lenient.verify(await gateway.issuer.mint('reviewer')))).toBe('ERR_REVIEWER_CLIENT')
  })

  test('only the named provider has reviewers, whatever another one signs', async () => {
    const other = await startIssuer()
    const settings = [...entraAt(gateway.issuer.authority), ...entraAt(other.authority, { name: 'other' })]
    const verifier = createTokenVerifier(settings, {
      readSecret: () => Promise.reject(new Error('unused')),
      policyGroupIds: () => [],
    })
    const voters = createReviewerVerifier(
      reviewerAppSettings.parse({ provider: 'entra', clientId: DEMO_IDS.reviewerApp }),
      verifier,
    )
    expect(await codeOf(voters.verify(await gateway.issuer.mint('reviewer')))).toBe('accepted')
    expect(await codeOf(voters.verify(await other.mint('reviewer')))).toBe('ERR_REVIEWER_AUDIENCE')
    verifier.close()
    await other.close()
  })

  test('a reviewer app that is the gateway itself does not start', () => {
    const settings = reviewerAppSettings.parse({ clientId: DEMO_IDS.gateway })
    expect(() => createReviewerVerifier(settings, gateway.verifier)).toThrow(/reviewerApp/)
  })
})
