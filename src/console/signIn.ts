import { randomBytes } from 'node:crypto'
import { refuseRevokedPerson } from '../approvals/castVote.ts'
import { GateError } from '../errors.ts'
import type { PageRequest, PageResponse } from '../mcp/pageRoute.ts'
import { type CookieJar, createSeal } from './cookies.ts'
import type { Session, Sessions } from './openSessions.ts'
import { redirectTo } from './pageLayout.ts'
import { errorPage, onwardPage } from './pages/messagePage.ts'
import type { ConsoleParts } from './ports.ts'

/** The way in: to the identity provider and back. */
export interface SignIn {
  /** Where signing in begins; afterwards the browser is at `path`. */
  urlFor(path: string): string
  begin(request: PageRequest): Promise<PageResponse>
  finish(request: PageRequest, before: Session | undefined): Promise<PageResponse>
}

type SignInParts = Pick<ConsoleParts, 'publicOrigin' | 'login' | 'verify' | 'desk' | 'countRefusal' | 'limitLogins'> & {
  readonly sessions: Sessions
  readonly jar: CookieJar
}

const HOME = '/console/requests'
/** Pages that one can be sent back to: nothing else may come out of a link. */
const RETURN_PATH =
  /^\/console\/(?:link\/[0-9a-f]{64}$|accounts$|(?:requests|history|rules|calls|sessions|trail)(?:\/[0-9A-Za-z_]{1,40})?$)/

export function createSignIn(parts: SignInParts): SignIn {
  const { publicOrigin, login, verify, desk, sessions, jar, countRefusal, limitLogins } = parts
  const seal = createSeal(desk.clock)
  const urlFor = (path: string) => `${publicOrigin}/console/login?to=${encodeURIComponent(path)}`

  function refused(address: string, error: unknown, session: Session | undefined): PageResponse {
    if (!(error instanceof GateError)) throw error
    countRefusal(address, error.code)
    const cookies = [jar.clear(jar.loginName)]
    return errorPage({ error, session, loginUrl: urlFor(HOME), cookies })
  }

  function limit(address: string): void {
    const wait = limitLogins(address)
    if (wait > 0) throw new GateError('ERR_RATE_LIMIT', { facts: { retry_after_seconds: wait } })
  }

  return {
    urlFor,
    async begin({ query, address }) {
      try {
        limit(address)
        const attempt = { state: randomText(), nonce: randomText(), codeVerifier: randomText() }
        const to = query.get('to') ?? ''
        const sealed = seal.close({ ...attempt, to: RETURN_PATH.test(to) ? to : HOME })
        const url = await login.authorizationUrl(attempt, query.get('fresh') === '1' ? 'fresh' : 'usual')
        return redirectTo(url.href, [jar.login(sealed)])
      } catch (error) {
        return refused(address, error, undefined)
      }
    },
    async finish({ query, cookies, address }, before) {
      try {
        limit(address)
        const { state, nonce, codeVerifier, to = HOME } = seal.open(cookies.get(jar.loginName) ?? '') ?? {}
        if (state === undefined || nonce === undefined || codeVerifier === undefined) {
          throw new GateError('ERR_CONSOLE_LOGIN')
        }
        const callback = new URL(`${publicOrigin}/console/callback?${query}`)
        const tokens = await login.redeem(callback, { state, nonce, codeVerifier })
        const reviewer = await verify(tokens.accessToken)
        await refuseRevokedPerson(reviewer, desk.store)
        if (before !== undefined) sessions.end(before)
        const { id, session } = sessions.begin(reviewer, tokens.refreshToken)
        const seconds = Math.max(0, Math.floor((session.endsAt - desk.clock()) / 1000))
        return onwardPage(to, [jar.clear(jar.loginName), jar.session(id, seconds)])
      } catch (error) {
        return refused(address, error, before)
      }
    },
  }
}

/** 256 bits; also fit for a PKCE verifier (RFC 7636 section 4.1: 43 characters). */
function randomText(): string {
  return randomBytes(32).toString('base64url')
}
