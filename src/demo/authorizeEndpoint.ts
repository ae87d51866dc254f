import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { loginPage } from './loginPage.ts'
import type { DemoPerson } from './people.ts'
import type { TokenShape } from './tokenShapes.ts'

interface AuthorizeParts {
  readonly path: string
  readonly clientId: string
  readonly people: readonly DemoPerson[]
  readonly mint: (
    shape: TokenShape,
    options: { claims: Readonly<Record<string, unknown>>; lifetime: number },
  ) => Promise<string>
}

interface Login {
  readonly person: DemoPerson
  /** Seconds. */
  readonly authTime: number
  readonly nonce: string | undefined
  readonly scope: string
}

interface Grant extends Login {
  readonly redirectUri: string
  readonly challenge: string
  readonly until: number
}

/** An answer of the token endpoint. */
export interface TokenAnswer {
  readonly status: number
  readonly body: unknown
}

const LIFETIME_SECONDS = 3_600
const CODE_MS = 60_000
/** Codes go to the console of a gateway on this machine and nowhere else. */
const REDIRECT_URI = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5}\/console\/callback$/

/**
 * The login of the demo issuer: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), and refresh tokens.
 * Whoever looks at the page may choose who they are.
 */
export function createAuthorizeEndpoint({ path, clientId, people, mint }: AuthorizeParts) {
  const grants = new Map<string, Grant>()
  const refreshable = new Map<string, Login>()

  function answerAuthorize(params: URLSearchParams, response: ServerResponse): void {
    const problem = problemOf(params, clientId)
    const person = people.find(({ id }) => id === params.get('person'))
    if (problem !== undefined) sendPage(response, 400, loginPage({ problem }))
    else if (person === undefined) sendPage(response, 200, loginPage({ people, action: path, params }))
    else sendBack(params, person, response)
  }

  function sendBack(params: URLSearchParams, person: DemoPerson, response: ServerResponse): void {
    const redirectUri = params.get('redirect_uri') ?? ''
    const code = randomBytes(24).toString('base64url')
    grants.set(code, {
      person,
      redirectUri,
      challenge: params.get('code_challenge') ?? '',
      nonce: params.get('nonce') ?? undefined,
      scope: params.get('scope') ?? '',
      authTime: Math.floor(Date.now() / 1000),
      until: Date.now() + CODE_MS,
    })
    const back = new URL(redirectUri)
    back.searchParams.set('code', code)
    back.searchParams.set('state', params.get('state') ?? '')
    response.writeHead(303, { location: back.href, 'cache-control': 'no-store' }).end()
  }

  async function redeem(form: URLSearchParams): Promise<TokenAnswer> {
    const code = form.get('code') ?? ''
    const grant = grants.get(code)
    grants.delete(code)
    const verifier = form.get('code_verifier') ?? ''
    const isGood =
      grant !== undefined &&
      Date.now() < grant.until &&
      form.get('client_id') === clientId &&
      form.get('redirect_uri') === grant.redirectUri &&
      createHash('sha256').update(verifier).digest('base64url') === grant.challenge
    return isGood ? await tokensFor(grant) : INVALID_GRANT
  }

  async function refresh(form: URLSearchParams): Promise<TokenAnswer> {
    const token = form.get('refresh_token') ?? ''
    const login = refreshable.get(token)
    refreshable.delete(token)
    const isGood = login !== undefined && form.get('client_id') === clientId && people.includes(login.person)
    return isGood ? await tokensFor({ ...login, nonce: undefined }) : INVALID_GRANT
  }

  async function tokensFor({ person, authTime, nonce, scope }: Login): Promise<TokenAnswer> {
    const claims = { ...person.claims, auth_time: person.claims.auth_time ?? authTime }
    const refreshToken = randomBytes(24).toString('base64url')
    const offline = scope.split(' ').includes('offline_access')
    if (offline) refreshable.set(refreshToken, { person, authTime, nonce: undefined, scope })
    const lifetime = LIFETIME_SECONDS
    return {
      status: 200,
      body: {
        token_type: 'Bearer',
        expires_in: lifetime,
        scope,
        access_token: await mint('reviewer', { claims, lifetime }),
        id_token: await mint('id-token', { claims: { ...claims, aud: clientId, nonce }, lifetime }),
        ...(offline && { refresh_token: refreshToken }),
      },
    }
  }

  const issueTokens = (person: DemoPerson, scope: string) =>
    tokensFor({ person, authTime: Math.floor(Date.now() / 1000), nonce: undefined, scope })

  return { answerAuthorize, redeem, refresh, issueTokens }
}

const INVALID_GRANT: TokenAnswer = { status: 400, body: { error: 'invalid_grant' } }

function problemOf(params: URLSearchParams, clientId: string): string | undefined {
  if (params.get('client_id') !== clientId) return 'This client is not registered here.'
  if (!REDIRECT_URI.test(params.get('redirect_uri') ?? '')) return 'Logins go back to a console on this machine only.'
  if (params.get('response_type') !== 'code') return 'Only response_type=code is known here.'
  if (params.get('code_challenge_method') !== 'S256' || !/^[\w-]{43}$/.test(params.get('code_challenge') ?? '')) {
    return 'PKCE with S256 is required.'
  }
  return undefined
}

/** A page that runs nothing and loads nothing. */
export function sendPage(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
  })
  response.end(html)
}

/** The parameters of a request to the authorization endpoint: query of a GET, form of a POST. */
export async function readParams(
  request: IncomingMessage,
  search: string,
  readBody: (request: IncomingMessage) => Promise<string>,
): Promise<URLSearchParams> {
  return new URLSearchParams(request.method === 'POST' ? await readBody(request) : search)
}
