import { createServer, type Server } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLoginClient } from '../../src/console/createLoginClient.ts'
import type { LoginClient } from '../../src/console/ports.ts'
import { GateError } from '../../src/errors.ts'
import { listen } from '../fixtures/wire.ts'
import { randomToken } from './visitor.ts'

const REDIRECT_URI = 'http://127.0.0.1:8787/console/callback'

let server: Server
let issuer: string
let problems: unknown[] = []

/** An identity provider that we did not write, with its own login and consent pages. */
beforeAll(async () => {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  let handle: ReturnType<Provider['callback']> | undefined
  server = createServer((request, response) => void handle?.(request, response))
  issuer = `http://127.0.0.1:${await listen(server)}`
  const client = {
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [REDIRECT_URI],
  }
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'key-one', alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['a key for cookies that nobody gets'] },
    clients: [
      { ...client, client_id: 'public', token_endpoint_auth_method: 'none' },
      {
        ...client,
        client_id: 'confidential',
        client_secret: 'right',
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    issueRefreshToken: async () => true,
  })
  handle = provider.callback()
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

function clientNamed(clientId: string, secret?: string, over: { issuer?: string; allowPlainHttp?: boolean } = {}) {
  problems = []
  return createLoginClient({
    issuer,
    clientId,
    readClientSecret: secret === undefined ? undefined : async () => secret,
    scopes: ['openid', 'offline_access'],
    redirectUri: REDIRECT_URI,
    maxLoginAge: 3_600,
    allowPlainHttp: true,
    onProblem: (problem) => problems.push(problem),
    ...over,
  })
}

const anAttempt = () => ({ state: randomToken(), nonce: randomToken(), codeVerifier: randomToken() })
type Attempt = ReturnType<typeof anAttempt>

/** Goes through the provider's pages as a person in a browser does, up to the redirect back. */
async function goThrough(start: URL): Promise<URL> {
  const cookies = new Map<string, string>()
  let next = start
  let form: URLSearchParams | undefined
  for (let steps = 0; steps < 20; steps += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(next, {
      redirect: 'manual',
      headers: { cookie },
      ...(form !== undefined && { method: 'POST', body: form }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    const page = await response.text()
    form = undefined
    if (location !== null) {
      next = new URL(location, next)
      if (next.href.startsWith(REDIRECT_URI)) return next
    } else {
      const [, action = ''] = /action="([^"]+)"/.exec(page) ?? []
      const [, prompt = ''] = /name="prompt" value="([^"]+)"/.exec(page) ?? []
      next = new URL(action, next)
      form = new URLSearchParams({ prompt, ...(prompt === 'login' && { login: 'grace', password: 'x' }) })
    }
  }
  throw new Error('the provider never sent the browser back')
}

async function login(client: LoginClient, attempt: Attempt, used: Partial<Attempt> = {}) {
  const callback = await goThrough(await client.authorizationUrl(attempt, 'usual'))
  return client.redeem(callback, { ...attempt, ...used })
}

async function expectRefused(work: Promise<unknown>): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(GateError)
  expect(error).toMatchObject({ code: 'ERR_CONSOLE_LOGIN' })
  expect(problems).toHaveLength(1)
}

describe('a login at a provider of somebody else', () => {
  test.each([
    ['public', undefined],
    ['confidential', 'right'],
  ])('brings tokens to a %s client, and renews them', async (id, secret) => {
    const client = clientNamed(id, secret)
    const tokens = await login(client, anAttempt())
    expect(tokens.accessToken).toMatch(/./)
    const renewed = await client.renew(tokens.refreshToken ?? '')
    expect(renewed).not.toBe('refused')
    expect(renewed).not.toMatchObject({ accessToken: tokens.accessToken })
    expect(await client.renew('a token that was never given')).toBe('refused')
    expect(problems).toEqual([])
  })

  test.each<keyof Attempt>(['state', 'nonce', 'codeVerifier'])('with another %s brings nothing', async (part) => {
    await expectRefused(login(clientNamed('public'), anAttempt(), { [part]: randomToken() }))
  })

  test('a code works once', async () => {
    const client = clientNamed('public')
    const attempt = anAttempt()
    const callback = await goThrough(await client.authorizationUrl(attempt, 'usual'))
    await client.redeem(callback, attempt)
    await expectRefused(client.redeem(callback, attempt))
  })

  test('a wrong secret brings nothing', async () => {
    await expectRefused(login(clientNamed('confidential', 'wrong'), anAttempt()))
  })

  test('plain http is not spoken unless it was allowed', async () => {
    const client = clientNamed('public', undefined, { allowPlainHttp: false })
    await expectRefused(client.authorizationUrl(anAttempt(), 'usual'))
  })

  test('a provider that is away, or that names another issuer, stops this login and not the next', async () => {
    await expectRefused(
      clientNamed('public', undefined, { issuer: 'http://127.0.0.1:9' }).authorizationUrl(anAttempt(), 'usual'),
    )
    await expectRefused(
      clientNamed('public', undefined, { issuer: issuer.replace('127.0.0.1', 'localhost') }).authorizationUrl(
        anAttempt(),
        'usual',
      ),
    )
  })

  test('a fresh login is asked for as such', async () => {
    const url = await clientNamed('public').authorizationUrl(anAttempt(), 'fresh')
    expect(url.searchParams.get('prompt')).toBe('login')
  })
})
