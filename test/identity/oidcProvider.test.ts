import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { errors, Provider } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTokenVerifier, type TokenVerifier } from '../../src/identity/createTokenVerifier.ts'
import { identitySettings } from '../../src/identity/settings.ts'
import { codeOf } from './gateway.ts'

const AUDIENCE = 'api://countersign'
const CLIENTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'agent-one': { 'https://corp.example/groups': ['db-maintenance-agents'], access: { roles: ['operator'] } },
  'agent-two': {},
}

/** An issuer that we did not write, so that signer and verifier are not both ours. */
async function startProvider() {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const signingKey = { ...(await exportJWK(privateKey)), kid: 'key-one', alg: 'RS256', use: 'sig' }
  let handle: ReturnType<Provider['callback']> | undefined
  const server = createServer((request, response) => void handle?.(request, response)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    jwks: { keys: [signingKey] },
    cookies: { keys: ['a key for cookies that nobody gets'] },
    scopes: ['mcp.access', 'other'],
    clients: Object.keys(CLIENTS).map((id) => ({
      client_id: id,
      client_secret: `${id}-secret`,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'client_secret_post',
    })),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_context: unknown, resource: string) {
          if (!resource.startsWith('api://')) throw new errors.InvalidTarget()
          return {
            scope: 'mcp.access other',
            audience: resource,
            accessTokenTTL: 3600,
            accessTokenFormat: 'jwt' as const,
            jwt: { sign: { alg: 'RS256' as const } },
          }
        },
      },
    },
    extraTokenClaims: (_context: unknown, token: { clientId?: string }) => CLIENTS[token.clientId ?? ''],
  })
  handle = provider.callback()
  return {
    issuer,
    /** For tokens in the shapes of other products, under the same keys. */
    sign: (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
      new SignJWT({ iss: issuer, aud: AUDIENCE, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'key-one', ...header })
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(privateKey),
    async token(client: string, { scope = 'mcp.access', resource = AUDIENCE } = {}): Promise<string> {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: client,
          client_secret: `${client}-secret`,
          scope,
          resource,
        }),
      })
      const { access_token: token } = (await response.json()) as { access_token?: string }
      if (token === undefined) throw new Error(`no token, status ${response.status}`)
      return token
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

let provider: Awaited<ReturnType<typeof startProvider>>
beforeAll(async () => {
  provider = await startProvider()
})
afterAll(() => provider.close())

const opened: TokenVerifier[] = []
afterAll(() => {
  for (const verifier of opened) verifier.close()
})

function verifierWith(more: Readonly<Record<string, unknown>> = {}): TokenVerifier {
  const settings = { type: 'oidc', name: 'corp', issuer: provider.issuer, audience: AUDIENCE, ...more }
  const verifier = createTokenVerifier(identitySettings.parse([settings]), {
    readSecret: () => Promise.reject(new Error('unused')),
    policyGroupIds: () => [],
  })
  opened.push(verifier)
  return verifier
}

describe('tokens of an independent OIDC provider', () => {
  test('are read by the configured claim paths, whose names may be URLs', async () => {
    const claims = { groups: ['https://corp.example/groups'], roles: ['access', 'roles'] }
    const verifier = verifierWith({ requiredScope: 'mcp.access', requiredRole: 'operator', claims })
    expect(await verifier.verify(await provider.token('agent-one'))).toMatchObject({
      key: 'corp//agent-one/agent-one',
      kind: 'app',
      subject: 'agent-one',
      app: 'agent-one',
      person: undefined,
      groups: { known: true, ids: ['db-maintenance-agents'] },
      roles: ['operator'],
    })
  })

  test('have unknown groups where the claim is missing', async () => {
    const caller = await verifierWith().verify(await provider.token('agent-two'))
    expect(caller.groups).toEqual({ known: false, why: 'not-in-token' })
  })

  test('need the audience, the scope, the role, the algorithm and the typ', async () => {
    const token = (client: string, options = {}) => provider.token(client, options)
    const attempt = async (settings: object, client: string, options = {}) =>
      codeOf(verifierWith({ ...settings }).verify(await token(client, options)))
    expect(await attempt({}, 'agent-one', { resource: 'api://elsewhere' })).toBe('ERR_TOKEN_AUDIENCE')
    expect(await attempt({ audience: ['api://elsewhere', AUDIENCE] }, 'agent-one')).toBe('accepted')
    expect(await attempt({ requiredScope: 'mcp.access' }, 'agent-one', { scope: 'other' })).toBe('ERR_SCOPE_MISSING')
    expect(await attempt({ requiredRole: 'operator' }, 'agent-two')).toBe('ERR_ROLE_NONE')
    expect(await attempt({ algorithms: ['ES256'] }, 'agent-one')).toBe('ERR_TOKEN_ALGORITHM')
    expect(await attempt({ typ: 'JWT' }, 'agent-one')).toBe('ERR_TOKEN_TYPE')
    expect(await attempt({ typ: 'at+jwt' }, 'agent-one')).toBe('accepted')
    expect(await attempt({ maxLifetime: '30m' }, 'agent-one')).toBe('ERR_TOKEN_LIFETIME')
    expect(await attempt({ claims: { subject: ['uid'] } }, 'agent-one')).toBe('accepted')
    expect(await attempt({ claims: { client: ['cid'] } }, 'agent-one')).toBe('ERR_TOKEN_CLAIMS')
  })
})

describe('tokens in the shapes of other providers', () => {
  const person = { sub: 'user-1', azp: 'agent-one', scope: 'mcp.access' }

  test.each([
    ['a person', person, { kind: 'user', person: 'corp//user-1', key: 'corp//user-1/agent-one' }],
    [
      'a subject with a border character in it',
      { ...person, sub: 'auth0|1/agent-one' },
      { key: 'corp//auth0%7C1%2Fagent-one/agent-one' },
    ],
    ['scopes in a list', { ...person, scope: undefined, scp: ['mcp.access'] }, { kind: 'user' }],
    [
      'client credentials by gty',
      { ...person, sub: 'agent-one@clients', gty: 'client-credentials' },
      { kind: 'app', person: undefined },
    ],
    ['a service account by its name', { ...person, preferred_username: 'service-account-agent-one' }, { kind: 'app' }],
  ])('%s', async (_title, claims, caller) => {
    expect(await verifierWith({ requiredScope: 'mcp.access' }).verify(await provider.sign(claims))).toMatchObject(
      caller,
    )
  })

  test.each([
    ['a nonce', { ...person, nonce: 'x' }],
    ['the typ of an ID token', { ...person, typ: 'ID' }],
    ['the typ of a refresh token', { ...person, typ: 'Refresh' }],
    ['a token_use of id', { ...person, token_use: 'id' }],
    ['the client itself as audience and no scope', { ...person, scope: undefined, aud: [AUDIENCE, 'agent-one'] }],
    ['logout events', { ...person, events: {} }],
  ])('%s gives away what is not an access token', async (_title, claims) => {
    expect(await codeOf(verifierWith().verify(await provider.sign(claims)))).toBe('ERR_TOKEN_IS_ID_TOKEN')
  })

  test.each([
    ['no subject', { ...person, sub: undefined }, {}, 'ERR_TOKEN_CLAIMS'],
    ['a subject with a control character', { ...person, sub: 'a\u0000b' }, {}, 'ERR_TOKEN_CLAIMS'],
    ['a subject with half a character', { ...person, sub: 'a\ud800' }, {}, 'ERR_TOKEN_CLAIMS'],
    ['no client', { ...person, azp: undefined }, {}, 'ERR_TOKEN_CLAIMS'],
    ['a logout token', person, { typ: 'logout+jwt' }, 'ERR_TOKEN_TYPE'],
    ['a key of another kind', person, { kid: 'key-two' }, 'ERR_TOKEN_KEY_UNKNOWN'],
    ['nbf in the future', { ...person, nbf: Math.floor(Date.now() / 1000) + 600 }, {}, 'ERR_TOKEN_NOT_YET_VALID'],
  ])('%s is refused', async (_title, claims, header, code) => {
    expect(await codeOf(verifierWith().verify(await provider.sign(claims, header)))).toBe(code)
  })
})
