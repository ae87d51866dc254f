import { describe, expect, test } from 'vitest'
import { checkIdentitySettings } from '../../src/identity/checkIdentitySettings.ts'
import { identitySettings, reviewerAppSettings } from '../../src/identity/settings.ts'

const entra = {
  type: 'entra',
  tenantId: '6F1C1B3E-0000-4000-8000-000000000001',
  clientId: '6f1c1b3e-0000-4000-8000-000000000002',
}
const okta = {
  type: 'oidc',
  name: 'okta',
  issuer: 'https://corp.okta.example/oauth2/aus1',
  audience: 'api://countersign',
}
const graph = { clientId: entra.clientId, clientSecret: { env: 'SECRET' } }
const reviewer = { clientId: '6f1c1b3e-0000-4000-8000-000000000003' }

test('what is left out gets the safe value, and ids become lower case', () => {
  expect(identitySettings.parse([entra, { ...okta, audience: ['a', 'b'] }])).toEqual([
    {
      type: 'entra',
      name: 'entra',
      tenantId: entra.tenantId.toLowerCase(),
      clientId: entra.clientId,
      authority: 'https://login.microsoftonline.com',
      requiredScope: 'mcp.access',
      requiredRole: 'Agent.Access',
    },
    { ...okta, audience: ['a', 'b'], algorithms: ['RS256'], maxLifetime: 28 * 3_600_000, claims: {} },
  ])
  expect(reviewerAppSettings.parse(reviewer)).toEqual({
    ...reviewer,
    requiredScope: 'approvals.review',
    maxLoginAge: 8 * 3_600_000,
  })
})

describe('settings that are refused', () => {
  test.each([
    ['no provider', []],
    ['an unknown key', [{ ...entra, tenant: 'x' }]],
    ['a tenant that is a name', [{ ...entra, tenantId: 'common' }]],
    ['a plain authority elsewhere', [{ ...entra, authority: 'http://login.example' }]],
    ['an authority with a path', [{ ...entra, authority: 'https://login.microsoftonline.com/common' }]],
    ['an address that only looks like loopback', [{ ...okta, issuer: 'http://127.0.0.1.evil.example' }]],
    ['an issuer with a password', [{ ...okta, issuer: 'https://a:b@corp.example' }]],
    ['an issuer with a query', [{ ...okta, issuer: 'https://corp.example/?x=1' }]],
    ['a shared-secret algorithm', [{ ...okta, algorithms: ['HS256'] }]],
    ['alg none', [{ ...okta, algorithms: ['none'] }]],
    ['a claim path that is not a list', [{ ...okta, claims: { subject: 'sub' } }]],
    ['an empty audience', [{ ...okta, audience: [] }]],
    ['a scope with a quote', [{ ...entra, requiredScope: 'a"b' }]],
    ['a plain Graph elsewhere', [{ ...entra, graph: { ...graph, apiUrl: 'http://graph.example' } }]],
    ['a Graph secret in the file', [{ ...entra, graph: { ...graph, clientSecret: 'hunter2' } }]],
  ])('%s', (_title, value) => {
    expect(identitySettings.safeParse(value).success).toBe(false)
  })
})

describe('settings that contradict each other', () => {
  const issues = (identity: unknown, { reviewerApp = reviewer as object, insecureLoopback = false } = {}) =>
    checkIdentitySettings({
      identity: identitySettings.parse(identity),
      reviewerApp: reviewerAppSettings.parse(reviewerApp),
      insecureLoopback,
    }).map(({ path }) => path.join('.'))

  test('sound settings have no issue', () => {
    expect(issues([entra])).toEqual([])
    expect(issues([entra, okta], { reviewerApp: { ...reviewer, provider: 'entra' } })).toEqual([])
  })

  test('plain http on loopback needs the setting that says so, for every address', () => {
    const plain = [
      { ...entra, authority: 'http://127.0.0.1:9000', graph: { ...graph, apiUrl: 'http://localhost:9001/v1.0' } },
      { ...okta, issuer: 'http://[::1]:9002' },
    ]
    const reviewerApp = { ...reviewer, provider: 'entra' }
    expect(issues(plain, { reviewerApp })).toEqual([
      'identity.0.authority',
      'identity.0.graph.apiUrl',
      'identity.1.issuer',
    ])
    expect(issues(plain, { reviewerApp, insecureLoopback: true })).toEqual([])
  })

  test('names and issuers are given once', () => {
    expect(issues([entra, entra], { reviewerApp: { ...reviewer, provider: 'entra' } })).toEqual([
      'identity.1.name',
      'identity.1.issuer',
    ])
  })

  test('the reviewer app belongs to one known provider and is not the gateway', () => {
    expect(issues([entra, okta])).toEqual(['approvals.reviewerApp.provider'])
    expect(issues([entra], { reviewerApp: { ...reviewer, provider: 'okta' } })).toEqual([
      'approvals.reviewerApp.provider',
    ])
    expect(issues([entra], { reviewerApp: { clientId: entra.clientId } })).toEqual(['approvals.reviewerApp.clientId'])
    expect(issues([entra], { reviewerApp: { clientId: 'reviewers' } })).toEqual(['approvals.reviewerApp.clientId'])
  })
})
