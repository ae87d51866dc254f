import { randomUUID, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { createAuthorizeEndpoint, readParams } from './authorizeEndpoint.ts'
import { createDeviceEndpoint } from './deviceEndpoint.ts'
import { DEMO_PEOPLE, type DemoPerson } from './people.ts'
import { type ShapeContext, TOKEN_SHAPES, type TokenShape } from './tokenShapes.ts'
import { DEMO_IDS } from './writeConfig.ts'

/** A key pair of the issuer. `privateKey` signs, `published` is in the key set. */
interface IssuerKey {
  readonly kid: string
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey']
  readonly publicJwk: JWK
}

export interface MintOptions {
  /** Added over the claims of the shape; `undefined` removes a claim. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** Added over the JOSE header; `undefined` removes a member. */
  readonly header?: Readonly<Record<string, unknown>>
  readonly key?: IssuerKey
  /** Seconds; Entra's own are 60 to 90 minutes. */
  readonly lifetime?: number
}

/** How the issuer misbehaves: answers nothing, answers 500, answers after a while, or names another issuer. */
type IssuerFault = 'none' | 'down' | 'error' | 'slow' | 'other-issuer' | 'redirect'

/** A client of the token endpoint: whoever knows the secret gets tokens of this shape. */
interface IssuerClient {
  readonly clientId: string
  readonly clientSecret: string
  readonly shape: TokenShape
  readonly claims?: Readonly<Record<string, unknown>>
}

interface IssuerOptions {
  /** 0 or absent: any free port. */
  readonly port?: number
  readonly tenantId?: string
  readonly gatewayClientId?: string
  readonly reviewerClientId?: string
  readonly clients?: readonly IssuerClient[]
  /** Who can be chosen on the login page. */
  readonly people?: readonly DemoPerson[]
}

export interface DemoIssuer {
  /** For `identity[].authority`; plain http on 127.0.0.1. */
  readonly authority: string
  readonly tenantId: string
  readonly issuer: string
  readonly tokenEndpoint: string
  mint(shape: TokenShape, options?: MintOptions): Promise<string>
  /** The key that signs now. */
  readonly key: IssuerKey
  /** Signs with a new key from now on. The old ones stay published with `keep`, and are withdrawn with `withdraw`. */
  rotate(old: 'keep' | 'withdraw'): Promise<void>
  /** Makes a key that is not published. */
  strayKey(): Promise<IssuerKey>
  misbehave(fault: IssuerFault): void
  /** Requests so far. */
  readonly requests: { discovery: number; keys: number; token: number }
  close(): Promise<void>
}

/**
 * A real OIDC issuer in the shape of Entra, for the demo and the tests: discovery, key set, a client-credentials
 * endpoint, and a login page for the reviewer app. It listens on 127.0.0.1 and nowhere else, and its keys die with the process. Whoever can call `mint` is
 * whoever they like, which is why nothing but the demo may start it.
 */
export async function startIssuer({
  port = 0,
  tenantId = DEMO_IDS.tenant,
  gatewayClientId = DEMO_IDS.gateway,
  reviewerClientId = DEMO_IDS.reviewerApp,
  clients = [],
  people = DEMO_PEOPLE,
}: IssuerOptions = {}): Promise<DemoIssuer> {
  let key = await makeKey()
  let published = [key]
  let fault: IssuerFault = 'none'
  const requests = { discovery: 0, keys: 0, token: 0 }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const authority = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer = `${authority}/${tenantId}/v2.0`
  const tokenEndpoint = `${authority}/${tenantId}/oauth2/v2.0/token`
  const authorizePath = `/${tenantId}/oauth2/v2.0/authorize`
  const login = createAuthorizeEndpoint({ path: authorizePath, clientId: reviewerClientId, people, mint })
  const devicePath = `/${tenantId}/oauth2/v2.0/deviceauth`
  const deviceUrl = authority + devicePath
  const { issueTokens } = login
  const device = createDeviceEndpoint({ url: deviceUrl, clientId: reviewerClientId, people, issueTokens })

  async function mint(shape: TokenShape, options: MintOptions = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const context: ShapeContext = { authority, tenantId, gatewayClientId, reviewerClientId, now }
    const claims = {
      iat: now,
      nbf: now,
      exp: now + (options.lifetime ?? 4_500),
      uti: randomUUID(),
      ...TOKEN_SHAPES[shape](context),
      ...options.claims,
    }
    const signer = options.key ?? key
    const graph = shape === 'graph' ? { nonce: 'hashed-before-signing' } : {}
    const header = { typ: 'JWT', alg: 'RS256', kid: signer.kid, ...graph, ...options.header }
    return await new SignJWT(withoutUndefined(claims))
      .setProtectedHeader(withoutUndefined(header) as typeof header)
      .sign(signer.privateKey)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A page in a browser may reach this port under a name of its own (DNS rebinding).
    if (!/^(127\.0\.0\.1|localhost):\d+$/.test(request.headers.host ?? '')) return send(response, 403, {})
    const { pathname: path, search } = new URL(request.url ?? '/', authority)
    if (path === `/${tenantId}/v2.0/.well-known/openid-configuration`) {
      requests.discovery += 1
      return await misbehaving(response, path + search, () => send(response, 200, discoveryDocument()))
    }
    if (path === `/${tenantId}/discovery/v2.0/keys`) {
      requests.keys += 1
      return await misbehaving(response, path + search, () => send(response, 200, { keys: published.map(publish) }))
    }
    if (path === `/${tenantId}/oauth2/v2.0/token` && request.method === 'POST') {
      requests.token += 1
      return await answerToken(request, response)
    }
    if (path === authorizePath) return login.answerAuthorize(await readParams(request, search, readBody), response)
    if (path === devicePath) return device.answerPage(await readParams(request, search, readBody), response)
    if (path === `/${tenantId}/oauth2/v2.0/devicecode` && request.method === 'POST') {
      const { status, body } = device.begin(new URLSearchParams(await readBody(request)))
      return send(response, status, body)
    }
    send(response, 404, { error: 'not_found' })
  }

  async function misbehaving(response: ServerResponse, target: string, behave: () => void): Promise<void> {
    if (fault === 'down') response.destroy()
    else if (fault === 'error') send(response, 500, {})
    // What is redirected to would be answered, so that only a client that refuses redirects is safe.
    else if (fault === 'redirect' && !target.includes('?'))
      response.writeHead(302, { location: `${target}?moved` }).end()
    else {
      if (fault === 'slow') await new Promise((resolve) => setTimeout(resolve, 300))
      behave()
    }
  }

  function discoveryDocument() {
    return {
      issuer: fault === 'other-issuer' ? `${authority}/${randomUUID()}/v2.0` : issuer,
      jwks_uri: `${authority}/${tenantId}/discovery/v2.0/keys`,
      authorization_endpoint: authority + authorizePath,
      token_endpoint: tokenEndpoint,
      device_authorization_endpoint: `${authority}/${tenantId}/oauth2/v2.0/devicecode`,
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
    }
  }

  /** Entra names the issuers that may use a key, here for all tenants. */
  const publish = ({ publicJwk }: IssuerKey) => ({ ...publicJwk, issuer: `${authority}/{tenantid}/v2.0` })

  async function answerToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await readBody(request))
    const grantType = form.get('grant_type')
    if (grantType === 'authorization_code' || grantType === 'refresh_token') {
      const { status, body } = await (grantType === 'refresh_token' ? login.refresh(form) : login.redeem(form))
      return send(response, status, body)
    }
    if (grantType === 'urn:ietf:params:oauth:grant-type:device_code') {
      const { status, body } = await device.redeem(form)
      return send(response, status, body)
    }
    if (grantType !== 'client_credentials') return send(response, 400, { error: 'unsupported_grant_type' })
    const client = clients.find(({ clientId }) => clientId === form.get('client_id'))
    if (client === undefined || !sameText(client.clientSecret, form.get('client_secret') ?? '')) {
      return send(response, 401, { error: 'invalid_client' })
    }
    const token = await mint(client.shape, { claims: client.claims ?? {}, lifetime: 3_600 })
    send(response, 200, { token_type: 'Bearer', expires_in: 3_600, access_token: token })
  }

  return {
    authority,
    tenantId,
    issuer,
    tokenEndpoint,
    mint,
    get key() {
      return key
    },
    async rotate(old) {
      key = await makeKey()
      published = old === 'keep' ? [...published, key] : [key]
    },
    strayKey: makeKey,
    misbehave(next) {
      fault = next
    },
    requests,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function makeKey(): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const { kty, n, e } = await exportJWK(publicKey)
  const material = { kty, n, e } as JWK
  const kid = await calculateJwkThumbprint(material)
  return { kid, privateKey, publicJwk: { ...material, use: 'sig', kid, x5t: kid } }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk
    if (body.length > 16_384) throw new RangeError('the form is too long')
  }
  return body
}

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T
}
