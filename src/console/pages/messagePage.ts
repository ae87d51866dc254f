import { ERRORS, type GateError } from '../../errors.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { type Content, html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import { pageResponse } from '../pageLayout.ts'
import { inline } from '../showText.ts'

/** Where nobody is signed in. Signing in is a link, so that nothing begins by itself. */
export function signInPage(loginUrl: string, message: Content = ''): PageResponse {
  return pageResponse({
    title: 'Sign in',
    session: undefined,
    body: html`<section class="welcome"><h1>Sign in to review</h1>
${message}
<p>Requests of agents that need a person wait here. Sign in with your work account.</p>
<p><a class="button" href="${loginUrl}">Sign in</a></p></section>`,
  })
}

/** Sends the browser on from a page of our own, so that it brings the cookie that it keeps from other sites. */
export function onwardPage(path: string, cookies: readonly string[] = []): PageResponse {
  return pageResponse({
    title: 'One moment',
    session: undefined,
    goTo: { path, seconds: 0 },
    cookies,
    body: html`<section class="welcome"><h1>One moment</h1><p><a href="${path}">Go on</a></p></section>`,
  })
}

interface ErrorInput {
  readonly error: GateError
  readonly session: Session | undefined
  /** Where to begin again. */
  readonly loginUrl: string
  readonly cookies?: readonly string[]
}

/** An expected stop, in its own words. */
export function errorPage({ error, session, loginUrl, cookies = [] }: ErrorInput): PageResponse {
  const status: number = ERRORS[error.code].status
  const again = AGAIN[error.code]
  return pageResponse({
    title: 'Stopped',
    session,
    status: status < 400 ? 409 : status,
    cookies,
    body: html`<section class="welcome"><h1>${inline(error.message)}</h1>
<p>${error.next}</p>
<p class="quiet"><code>${error.code}</code></p>
${again === undefined && session !== undefined ? html`<p><a class="button" href="/console/requests">Back to the list</a></p>` : ''}
${again === undefined && session !== undefined ? '' : html`<p><a class="button" href="${loginUrl}${again === 'fresh' ? '&fresh=1' : ''}">Sign in again</a></p>`}
</section>`,
  })
}

/** Stops that a new login may end; `fresh`: one at which the provider must ask. */
const AGAIN: Readonly<Partial<Record<GateError['code'], 'usual' | 'fresh'>>> = {
  ERR_CONSOLE_SESSION: 'usual',
  ERR_CONSOLE_LOGIN: 'usual',
  ERR_VOTE_MEMBERSHIP: 'usual',
  ERR_VOTE_NOT_REVIEWER: 'fresh',
  ERR_REVIEWER_LOGIN_OLD: 'fresh',
}
