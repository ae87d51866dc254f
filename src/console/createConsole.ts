import { refuseRevokedPerson } from '../approvals/castVote.ts'
import { setsOf } from '../approvals/reviewDesk.ts'
import { GateError } from '../errors.ts'
import type { PageRequest, PageResponse } from '../mcp/pageRoute.ts'
import { cookieJarFor } from './cookies.ts'
import { confirmLink, removeLink, showAccounts, showLink } from './linking.ts'
import { modifyByForm, showModify } from './modifying.ts'
import { openLive } from './openLive.ts'
import { isOwnForm, openSessions, type Session } from './openSessions.ts'
import { openTrailCheck } from './openTrailCheck.ts'
import { PAGE_HEADERS, readAsset, redirectTo } from './pageLayout.ts'
import { errorPage, onwardPage, signInPage } from './pages/messagePage.ts'
import { trailPage } from './pages/trailPage.ts'
import type { ConsoleParts } from './ports.ts'
import { openStories } from './readStory.ts'
import { revealByForm } from './revealing.ts'
import { decide, showHistory, showPending, showRequest, showStory } from './reviewing.ts'
import { showRules } from './showRules.ts'
import { createSignIn } from './signIn.ts'

/** The built-in pages for reviewers, under `/console`. */
export interface Console {
  handle(request: PageRequest): Promise<PageResponse>
  /** Ends the streams of open pages, so that the server can stop. */
  close(): void
}

const HOME = '/console/requests'

/**
 * Puts the pages together. Every page but the way in needs a session; every form needs the token of its session. What
 * is expected to stop somebody comes as a page with its code; what is thrown is a bug.
 */
export function createConsole(parts: ConsoleParts): Console {
  const { desk, publicOrigin, countRefusal, limitPages, onProblem } = parts
  const jar = cookieJarFor(publicOrigin)
  const sessions = openSessions(parts)
  const signIn = createSignIn({ ...parts, sessions, jar })
  const live = openLive({ store: desk.store, sessions, onProblem })
  const readStory = openStories(parts.trail.dir, desk)
  const trailCheck = openTrailCheck(parts.trail, desk.clock, onProblem)

  async function handle(request: PageRequest): Promise<PageResponse> {
    const [, , page = '', ...rest] = request.path.split('/')
    if (page === 'assets') return asset(request, rest)
    let session: Session | undefined
    try {
      session = await sessions.find(request.cookies.get(jar.sessionName))
      return await open(page, rest, request, session)
    } catch (error) {
      if (!(error instanceof GateError)) throw error
      if (session === undefined || error.code === 'ERR_RATE_LIMIT') countRefusal(request.address, error.code)
      if (session !== undefined && error.code === 'ERR_REVOKED') {
        sessions.end(session)
        session = undefined
      }
      const loginUrl = signIn.urlFor(request.method === 'GET' ? request.path : HOME)
      return errorPage({ error, session, loginUrl })
    }
  }

  async function open(
    page: string,
    rest: readonly string[],
    request: PageRequest,
    session: Session | undefined,
  ): Promise<PageResponse> {
    if (request.method !== 'GET' && request.method !== 'POST') throw new GateError('ERR_CONSOLE_PAGE')
    if (page === 'login' && rest.length === 0 && request.method === 'GET') return await signIn.begin(request)
    if (page === 'callback' && rest.length === 0 && request.method === 'GET')
      return await signIn.finish(request, session)
    if (page === '') return redirectTo(HOME)
    if (session === undefined) return nobodyIsSignedIn(request, page)
    const wait = limitPages(session.reviewer.person)
    if (wait > 0) throw new GateError('ERR_RATE_LIMIT', { facts: { retry_after_seconds: wait } })
    if (request.method === 'POST') return await change(page, rest, request, session)
    return await show(page, rest, request, session)
  }

  async function show(
    page: string,
    [id, ...more]: readonly string[],
    { query }: PageRequest,
    session: Session,
  ): Promise<PageResponse> {
    await refuseRevokedPerson(session.reviewer, desk.store)
    if (page === 'requests' && id !== undefined && more.length === 1 && more[0] === 'modify') {
      return await showModify(id, session, desk)
    }
    if (more.length > 0) throw new GateError('ERR_CONSOLE_PAGE')
    if (id === undefined) {
      if (page === 'requests') return await showPending(session, desk)
      if (page === 'history') return await showHistory(session, query.get('page'), desk)
      if (page === 'accounts') return await showAccounts(session, parts.links)
      if (page === 'rules') return await showRules(session, query, desk)
      if (page === 'trail') return await showTrail(session)
      if (page === 'events') return stream(session)
    } else {
      if (page === 'requests') return await showRequest(id, session, desk, parts.reveal)
      if (page === 'link') return await showLink(id, session, parts.links)
      if (page === 'calls' || page === 'sessions') return await showStory(id, session, readStory)
    }
    throw new GateError('ERR_CONSOLE_PAGE')
  }

  async function change(
    page: string,
    [id, verb, ...more]: readonly string[],
    { readForm }: PageRequest,
    session: Session,
  ): Promise<PageResponse> {
    const form = await readForm()
    if (page === 'requests' && id !== undefined && (verb === 'approve' || verb === 'deny') && more.length === 0) {
      return await decide({ approvalId: id, verdict: verb, form, session }, desk, parts.reveal)
    }
    if (page === 'requests' && id !== undefined && verb === 'modify' && more.length === 0) {
      return await modifyByForm({ approvalId: id, form, session }, desk)
    }
    if (page === 'requests' && id !== undefined && verb === 'reveal' && more.length === 0) {
      return await revealByForm({ approvalId: id, form, session }, desk, parts.reveal)
    }
    await refuseRevokedPerson(session.reviewer, desk.store)
    if (!isOwnForm(session, form)) throw new GateError('ERR_CONSOLE_FORM')
    if (page === 'link' && id !== undefined && verb === 'confirm' && more.length === 0) {
      return await confirmLink(id, session, parts.links)
    }
    if (page === 'accounts' && id === 'unlink' && verb === undefined) {
      return await removeLink(form, session, parts.links)
    }
    if (page === 'logout' && id === undefined) {
      sessions.end(session)
      return redirectTo(HOME, [jar.clear(jar.sessionName)])
    }
    if (page === 'trail' && id === 'verify' && verb === undefined) {
      await setsOf(session.reviewer, desk)
      await Promise.race([trailCheck.run(), pause()])
      return redirectTo('/console/trail')
    }
    throw new GateError('ERR_CONSOLE_PAGE')
  }

  async function showTrail(session: Session): Promise<PageResponse> {
    await setsOf(session.reviewer, desk)
    return trailPage({ session, state: trailCheck.state() })
  }

  function stream(session: Session): PageResponse {
    const headers = { ...PAGE_HEADERS, 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' }
    return {
      status: 200,
      headers,
      stream: (events) => {
        if (!live.open(session, events)) events.close()
      },
    }
  }

  /**
   * A link from elsewhere does not bring the session's cookie. The browser is sent to the same page once more, from a
   * page of ours; only when there is still no session is somebody asked to sign in.
   */
  function nobodyIsSignedIn(request: PageRequest, page: string): PageResponse {
    if (request.method === 'POST' || page === 'events') throw new GateError('ERR_CONSOLE_SESSION')
    if (request.isFromOtherSite) return onwardPage(request.path)
    return signInPage(signIn.urlFor(request.path))
  }

  return { handle, close: () => live.close() }
}

function asset({ method }: PageRequest, [name = '', ...more]: readonly string[]): PageResponse {
  const found = more.length === 0 && method === 'GET' ? readAsset(name) : undefined
  if (found === undefined) {
    return { status: 404, headers: { ...PAGE_HEADERS, 'content-type': 'text/plain; charset=utf-8' }, body: 'Not found' }
  }
  const headers = {
    ...PAGE_HEADERS,
    'content-type': found.type,
    'cache-control': 'private, max-age=31536000, immutable',
  }
  return { status: 200, headers, body: found.bytes }
}

/** How long a form waits for a check of the trail before it shows that the check is running. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3_000).unref())
}
