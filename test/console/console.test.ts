import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { DEMO_PEOPLE } from '../../src/demo/people.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { chooseAtIssuer, formOf, openVisitor, randomToken, type Visited, type Visitor } from './visitor.ts'

/** A colleague with a login and no reviewer set. */
const EVE = {
  id: 'eve',
  name: 'Eve',
  about: '',
  claims: { oid: '6f1c1b3e-0000-4000-8000-0000000000ee', preferred_username: 'eve@corp.example', groups: [] },
}

let gate: RealGate
let visitor: Visitor
let origin: string
let sessionName: string
beforeAll(async () => {
  gate = await startRealGate({
    people: [...DEMO_PEOPLE, EVE],
    config: { approvals: { console: { enabled: true }, owners: { [DEMO_IDS.agentObject]: [DEMO_IDS.engineer] } } },
  })
  origin = new URL(gate.url).origin
  sessionName = `countersign_session_${new URL(gate.url).port}`
})
afterAll(() => gate.stop())
beforeEach(() => {
  visitor = openVisitor(gate.url)
})

let jobs = 0
let agentToken = ''
/**
 * A request that waits. Each one is another statement of another agent, so that none joins an earlier one or meets the
 * limits of a caller; `agentToken` is the agent's.
 */
async function ask({ sql, reason = 'Tidying up.', token }: { sql?: string; reason?: string; token?: string } = {}) {
  jobs += 1
  agentToken = token ?? (await mintAgent(jobs))
  const answer = await gate.sql(sql ?? `DELETE FROM jobs WHERE id = ${jobs}`, { reason }, { token: agentToken })
  expect(answer).toMatchObject({ status: 'pending_approval' })
  return answer.approval_id ?? ''
}
const mintAgent = (number: number) =>
  gate.mint('app-only', { claims: { oid: `6f1c1b3e-0000-4000-8000-${String(900_000 + number).padStart(12, '0')}` } })
const stateOf = async (id: string) => (await gate.reviewer().show(id)).state
const isThere = async (id: number) => (await gate.admin('SELECT 1 FROM jobs WHERE id = $1', [id])).length === 1
const refusalsOf = async (id: string) =>
  (await gate.readTrail())
    .filter(({ event, approval }) => event === 'approval.vote_refused' && approval === id)
    .map(({ code, via, by, vote }) => ({ code, via, vote, oid: (by as { oid: string } | undefined)?.oid }))
const requestPath = (id: string) => `/console/requests/${id}`

async function openRequest(id: string, person = 'grace'): Promise<Visited> {
  await visitor.signIn(person)
  return await visitor.visit(requestPath(id))
}

describe('signing in', () => {
  test('leads through the identity provider to the page that was asked for, and shows nothing before', async () => {
    const id = await ask()
    const before = await visitor.visit(requestPath(id))
    expect(before.text).toContain('Sign in to review')
    expect(before.text).not.toContain('DELETE')
    const back = await visitor.signIn('grace', requestPath(id))
    expect(back.text).toContain(`content="0;url=${requestPath(id)}"`)
    const page = await visitor.visit(requestPath(id))
    expect(page.status).toBe(200)
    expect(page.text).toContain('grace@corp.example')
    expect(page.text).toContain('<span class="code-keyword">DELETE</span>')
  })

  test('asks the provider with PKCE, state, nonce, the scope of reviewers and the age a login may have', async () => {
    const { headers, status } = await visitor.visit('/console/login')
    expect(status).toBe(303)
    const query = Object.fromEntries(new URL(headers.get('location') ?? '').searchParams)
    expect(query).toMatchObject({
      client_id: DEMO_IDS.reviewerApp,
      response_type: 'code',
      redirect_uri: `${origin}/console/callback`,
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      scope: `openid offline_access ${DEMO_IDS.reviewerApp}/approvals.review`,
      max_age: '28800',
    })
  })

  test('cookies are unreadable to scripts; only the one of an unfinished login comes along from other sites', async () => {
    const started = await visitor.visit('/console/login')
    expect(started.setCookies).toEqual([
      expect.stringMatching(/^countersign_login_\d+=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/),
    ])
    const back = await visitor.signIn('grace')
    expect(back.setCookies).toEqual([
      expect.stringMatching(/^countersign_login_\d+=; .*Max-Age=0$/),
      expect.stringMatching(/^countersign_session_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/),
    ])
  })

  test.each([
    ['a state of somebody else', (url: URL) => url.searchParams.set('state', randomToken())],
    ['no state', (url: URL) => url.searchParams.delete('state')],
    ['a code that was never given', (url: URL) => url.searchParams.set('code', randomToken())],
    ['an error of the provider', (url: URL) => url.searchParams.set('error', 'access_denied')],
    ['two codes', (url: URL) => url.searchParams.append('code', randomToken())],
  ])('a callback with %s signs nobody in', async (_, change) => {
    const started = await visitor.visit('/console/login')
    const callback = await chooseAtIssuer(started.headers.get('location') ?? '', 'grace')
    change(callback)
    const page = await visitor.visit(callback.pathname + callback.search)
    expect(page.status).toBe(403)
    expect(page.text).toContain('ERR_CONSOLE_LOGIN')
    expect(visitor.cookies.has(sessionName)).toBe(false)
  })

  test('a callback in another browser, or a second time, signs nobody in', async () => {
    const started = await visitor.visit('/console/login')
    const callback = await chooseAtIssuer(started.headers.get('location') ?? '', 'grace')
    const other = openVisitor(gate.url)
    expect((await other.visit(callback.pathname + callback.search)).status).toBe(403)
    await other.visit('/console/login')
    expect((await other.visit(callback.pathname + callback.search)).status).toBe(403)
    expect(other.cookies.has(sessionName)).toBe(false)
    expect((await visitor.visit(callback.pathname + callback.search)).status).toBe(200)
    expect((await visitor.visit(callback.pathname + callback.search)).status).toBe(403)
  })

  test('an id that was in the browser before is not taken over', async () => {
    const planted = randomToken()
    visitor.cookies.set(sessionName, planted)
    await visitor.signIn('grace')
    const own = visitor.cookies.get(sessionName)
    expect(own).not.toBe(planted)
    const attacker = await visitor.visit('/console/requests', { cookies: `${sessionName}=${planted}` })
    expect(attacker.text).toContain('Sign in to review')

    // Signing in once more ends the session before: a known id does not come along.
    await visitor.signIn('grace')
    expect(visitor.cookies.get(sessionName)).not.toBe(own)
    const before = await visitor.visit('/console/requests', { cookies: `${sessionName}=${own}` })
    expect(before.text).toContain('Sign in to review')
  })

  test('a cookie that comes twice is none', async () => {
    await visitor.signIn('grace')
    const id = visitor.cookies.get(sessionName)
    for (const [first, second] of [
      [id, randomToken()],
      [randomToken(), id],
    ]) {
      const cookies = `${sessionName}=${first}; ${sessionName}=${second}`
      expect((await visitor.visit('/console/requests', { cookies })).text).toContain('Sign in to review')
    }
    expect((await visitor.visit('/console/requests')).text).not.toContain('Sign in to review')
  })

  test.each([
    'https://evil.example/console/requests',
    '//evil.example/console/requests',
    '/console/requests/../../mcp',
    '/console/login',
    '/console/requests?x=<script>',
    'javascript:alert(1)',
  ])('goes to the list and not to %s', async (to) => {
    const back = await visitor.signIn('grace', to)
    expect(back.text).toContain('content="0;url=/console/requests"')
  })

  test('signing out ends the session, not only the cookie', async () => {
    await visitor.signIn('grace')
    const id = visitor.cookies.get(sessionName)
    const page = await visitor.visit('/console/requests')
    const out = await visitor.submit(page, '/logout')
    expect(out.status).toBe(303)
    expect(visitor.cookies.has(sessionName)).toBe(false)
    const again = await visitor.visit('/console/requests', { cookies: `${sessionName}=${id}` })
    expect(again.text).toContain('Sign in to review')
  })

  test('no token is a session: neither one that calls tools nor one that votes, as a cookie or as a bearer', async () => {
    const id = await ask()
    for (const token of [await gate.mint(), await gate.issuer.mint('reviewer')]) {
      for (const options of [
        { cookies: `${sessionName}=${token}` },
        { headers: { authorization: `Bearer ${token}` } },
      ]) {
        expect((await visitor.visit(requestPath(id), options)).text).toContain('Sign in to review')
        const vote = await visitor.visit(`${requestPath(id)}/approve`, {
          ...options,
          form: { csrf: randomToken(), digest: (await gate.reviewer().show(id)).digest, reason: '' },
        })
        expect(vote.status).toBe(401)
        expect(vote.text).toContain('ERR_CONSOLE_SESSION')
      }
    }
    expect(await stateOf(id)).toBe('pending')
  })
})

describe('a page from another site', () => {
  test('leads once more to the same page, so that the strict cookie comes along; then asks to sign in', async () => {
    const options = { headers: { 'sec-fetch-site': 'cross-site' } }
    const first = await visitor.visit('/console/history', options)
    expect(first.text).toContain('content="0;url=/console/history"')
    const second = await visitor.visit('/console/history', { headers: { 'sec-fetch-site': 'same-origin' } })
    expect(second.text).toContain('Sign in to review')
  })

  test.each([['https://evil.example'], ['null'], ['http://127.0.0.1:1'], [undefined]])(
    'a form from the origin %s is turned back before it is looked at',
    async (foreign) => {
      const id = await ask()
      const page = await openRequest(id)
      const { action, hidden } = formOf(page.text, '/approve')
      const response = await fetch(origin + action, {
        method: 'POST',
        headers: {
          cookie: `${sessionName}=${visitor.cookies.get(sessionName)}`,
          'content-type': 'application/x-www-form-urlencoded',
          ...(foreign !== undefined && { origin: foreign }),
        },
        body: new URLSearchParams({ ...hidden, reason: '' }),
      })
      expect(response.status).toBe(403)
      expect(await response.text()).toContain('ERR_ORIGIN')
      expect(await stateOf(id)).toBe('pending')
    },
  )

  test('cannot put the console into a frame, run anything in it, or keep a copy', async () => {
    const id = await ask()
    const page = await openRequest(id)
    for (const path of [
      requestPath(id),
      '/console/requests',
      '/console/history',
      '/console/trail',
      '/console/nothing',
    ]) {
      const { headers } = await visitor.visit(path)
      const policy = headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).toContain("form-action 'self'")
      expect(policy).not.toMatch(/unsafe|https?:|data:|\*/)
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-frame-options': 'DENY',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'same-origin',
      })
    }
    expect(page.text).not.toMatch(/<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|<style/i)
  })
})

describe('deciding', () => {
  test('approve: the call may run, and it is on record that the console was used', async () => {
    const id = await ask()
    const page = await openRequest(id)
    const answer = await visitor.submit(page, '/approve', { reason: 'Fine.' })
    expect(answer).toMatchObject({ status: 303 })
    expect(answer.headers.get('location')).toBe(requestPath(id))
    expect(await stateOf(id)).toBe('approved')
    expect(await isThere(jobs)).toBe(true)
    expect(await gate.sql(`DELETE FROM jobs WHERE id = ${jobs}`, {}, { token: agentToken })).toMatchObject({
      status: 'ok',
    })
    expect(await isThere(jobs)).toBe(false)
    const decided = (await gate.readTrail()).find((one) => one.event === 'approval.decided' && one.approval === id)
    expect(decided).toMatchObject({ via: 'console', vote: 'approve', by: { oid: DEMO_IDS.reviewer }, reason: 'Fine.' })
    const after = await visitor.visit(requestPath(id))
    expect(after.text).toContain('approved and run')
    expect(after.text).not.toContain('Your decision')
  })

  test('deny: the agent is told why, and nothing runs', async () => {
    const id = await ask()
    const page = await openRequest(id)
    expect((await visitor.submit(page, '/deny', { reason: 'Not during\r\nthe sale.' })).status).toBe(303)
    const answer = await gate.sql(`DELETE FROM jobs WHERE id = ${jobs}`, {}, { token: agentToken })
    expect(answer).toMatchObject({ status: 'denied' })
    expect(answer.message).toContain('Not during\nthe sale.')
    expect(await isThere(jobs)).toBe(true)
  })

  test('deny without a reason is refused, with what was there before', async () => {
    const id = await ask()
    const page = await openRequest(id)
    const answer = await visitor.submit(page, '/deny', { reason: '  ' })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('A denial needs a reason.')
    expect(answer.text).toContain('Your decision')
    expect(await stateOf(id)).toBe('pending')
    expect(await refusalsOf(id)).toEqual([
      { code: 'ERR_VOTE_REASON', via: 'console', vote: 'deny', oid: DEMO_IDS.reviewer },
    ])
  })

  test.each<[string, string, (form: Record<string, string>) => Record<string, string>]>([
    ['without the token of the session', 'ERR_CONSOLE_FORM', ({ csrf: _, ...form }) => form],
    ['with a token of another session', 'ERR_CONSOLE_FORM', (form) => ({ ...form, csrf: randomToken() })],
    [
      'with the digest of another request',
      'ERR_VOTE_DIGEST',
      (form) => ({ ...form, digest: `hmac-sha256:${'0'.repeat(64)}` }),
    ],
    ['without a digest', 'ERR_VOTE_MALFORMED', ({ digest: _, ...form }) => form],
    ['with a field that nobody asked for', 'ERR_VOTE_MALFORMED', (form) => ({ ...form, state: 'approved' })],
  ])('a form %s is %s: refused, recorded, still pending', async (_, code, change) => {
    const id = await ask()
    const page = await openRequest(id)
    const { action, hidden } = formOf(page.text, '/approve')
    const answer = await visitor.visit(action, { form: change({ ...hidden, reason: '' }) })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(await stateOf(id)).toBe('pending')
    expect(await refusalsOf(id)).toEqual([{ code, via: 'console', vote: 'approve', oid: DEMO_IDS.reviewer }])
  })

  test('the token of one session opens no other: each has its own', async () => {
    const id = await ask()
    const page = await openRequest(id)
    const other = openVisitor(gate.url)
    await other.signIn('grace')
    const { action, hidden } = formOf(page.text, '/approve')
    expect((await other.visit(action, { form: { ...hidden, reason: '' } })).text).toContain('ERR_CONSOLE_FORM')
    expect(await stateOf(id)).toBe('pending')
  })

  test('a link does not decide: GET is not a vote', async () => {
    const id = await ask()
    await openRequest(id)
    for (const path of [`${requestPath(id)}/approve`, `${requestPath(id)}/deny`, '/console/logout']) {
      expect((await visitor.visit(path)).status).toBe(404)
    }
    expect(await stateOf(id)).toBe('pending')
    expect((await visitor.visit('/console/requests')).text).not.toContain('Sign in to review')
  })

  test.each([
    ['application/json', '{"reason":""}', 400],
    ['text/plain', 'reason=', 400],
    ['multipart/form-data; boundary=x', '--x--', 400],
    ['application/x-www-form-urlencoded', 'csrf=1&csrf=2', 400],
    ['application/x-www-form-urlencoded', 'csrf=%ff', 400],
    ['application/x-www-form-urlencoded', `csrf=${'a'.repeat(530_000)}`, 413],
  ])('a body as %s that is not one of our forms is refused: %#', async (type, body, status) => {
    const id = await ask()
    await openRequest(id)
    const response = await fetch(`${origin}${requestPath(id)}/approve`, {
      method: 'POST',
      headers: { origin, 'content-type': type, cookie: `${sessionName}=${visitor.cookies.get(sessionName)}` },
      body,
    })
    expect(response.status).toBe(status)
    expect(await stateOf(id)).toBe('pending')
  })
})

describe('who decides', () => {
  test('an owner of the agent sees the request, but her decision does not count', async () => {
    const id = await ask({ token: await gate.mint() })
    const page = await openRequest(id, 'ada')
    const answer = await visitor.submit(page, '/approve', { reason: '' })
    expect(answer.status).toBe(403)
    expect(answer.text).toContain('An owner of the agent does not decide on its calls.')
    expect(await stateOf(id)).toBe('pending')
    expect(await refusalsOf(id)).toEqual([
      { code: 'ERR_VOTE_OWNER', via: 'console', vote: 'approve', oid: DEMO_IDS.engineer },
    ])
  })

  test('the person whom an agent acts for does not decide on its call', async () => {
    const token = await gate.mint('agent-on-behalf-of-user', {
      claims: { oid: DEMO_IDS.reviewer, groups: [DEMO_IDS.agentsGroup] },
    })
    const id = await ask({ token })
    const page = await openRequest(id)
    const answer = await visitor.submit(page, '/approve', { reason: '' })
    expect(answer.status).toBe(403)
    expect(answer.text).toContain('Nobody decides on their own call')
    expect(await stateOf(id)).toBe('pending')
    expect(await refusalsOf(id)).toMatchObject([{ code: 'ERR_VOTE_OWN_CALL' }])
  })

  test('the kill switch ends the session at the next click, and a vote of the revoked is on record', async () => {
    const id = await ask()
    const page = await openRequest(id)
    const watcher = openVisitor(gate.url)
    await watcher.signIn('grace')
    const store = openSqliteStore(gate.storePath)
    const { number } = await store.revoke({ kind: 'person', id: DEMO_IDS.reviewer }, 'test', undefined, Date.now())
    try {
      const vote = await visitor.submit(page, '/approve', { reason: '' })
      expect(vote.status).toBe(403)
      expect(vote.text).toContain('ERR_REVOKED')
      expect(await refusalsOf(id)).toMatchObject([{ code: 'ERR_REVOKED', via: 'console' }])
      const look = await watcher.visit(requestPath(id))
      expect(look.text).toContain('ERR_REVOKED')
      expect(look.text).not.toContain('DELETE')
      const again = await openVisitor(gate.url).signIn('grace')
      expect(again.text).toContain('ERR_REVOKED')
    } finally {
      await store.undoRevocation(number, 'test', Date.now())
      await store.close()
    }
    expect(await stateOf(id)).toBe('pending')
    // What was ended stays ended when the order is taken back.
    expect((await visitor.visit(requestPath(id))).text).toContain('Sign in to review')
    expect((await watcher.visit(requestPath(id))).text).toContain('Sign in to review')
  })
})

describe('what a reviewer reads', () => {
  const HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'`--></title>&lt;b&gt;'
  const HIDDEN = 'safe\u202Eevil\u200B\u0007\u2066x\uFEFF'

  test('markup in a request, a reason, an agent name and a person is text', async () => {
    const client = await gate.connectClient()
    await client.close()
    const id = await ask({ sql: `DELETE FROM jobs WHERE kind = '${HOSTILE.replaceAll("'", "''")}'`, reason: HOSTILE })
    const pages = [await openRequest(id), await visitor.visit('/console/requests')]
    for (const { text } of pages) {
      expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
      expect(text).not.toMatch(/<script>|<img|onerror=alert\(2\)>/)
    }
  })

  test('characters that hide or turn others are written out, and approving takes a step of its own', async () => {
    const id = await ask({ reason: HIDDEN })
    const page = await openRequest(id)
    expect(page.text).not.toMatch(/[\p{Bidi_Control}\u200B\uFEFF]|(?!\n)\p{Cc}/u)
    for (const name of ['U+202E', 'U+200B', 'U+0007', 'U+2066', 'U+FEFF']) expect(page.text).toContain(`⟦${name}⟧`)
    expect(page.text).toContain('Look closely')

    const quick = await visitor.submit(page, '/approve', { reason: '' })
    expect(quick.status).toBe(400)
    expect(quick.text).toContain('Something in this request is hidden or could deceive')
    expect(await stateOf(id)).toBe('pending')
    expect(await refusalsOf(id)).toMatchObject([{ code: 'ERR_CONSOLE_UNREAD', via: 'console' }])

    expect((await visitor.submit(quick, '/approve', { reason: '', read: 'yes' })).status).toBe(303)
    expect(await stateOf(id)).toBe('approved')
  })

  test('40 KB are there to the last character, before the buttons', async () => {
    const filler = Array.from({ length: 900 }, (_, index) => `-- harmless line ${index} of many more lines`).join('\n')
    jobs += 1
    const id = await ask({ sql: `${filler}\nDELETE FROM jobs WHERE id = ${jobs + 1} OR kind = 'the dangerous end'` })
    const { text } = await openRequest(id)
    const shown = text.replaceAll(/<[^>]*>/g, '')
    for (const line of ['-- harmless line 0 of', '-- harmless line 899 of', 'the dangerous end']) {
      expect(shown).toContain(line)
    }
    expect(text.indexOf('the dangerous end')).toBeLessThan(text.indexOf('Your decision'))
  })

  test('a protected value in a request is hidden, and approving takes a step of its own', async () => {
    const id = await ask({ sql: "UPDATE users SET plan = 'free' WHERE email = 'user7@shop.example'" })
    const page = await openRequest(id)
    expect(page.text).not.toContain('user7@shop.example')
    expect(page.text).toContain('partly hidden')
    expect((await visitor.submit(page, '/approve', { reason: '' })).status).toBe(400)
    expect(await stateOf(id)).toBe('pending')
  })

  test('everything that the view of a request holds is on its page', async () => {
    const id = await ask({ sql: "DELETE FROM jobs WHERE state = 'failed' AND finished_at < '2026-02-01'" })
    const view = await gate.reviewer().show(id)
    const { text } = await openRequest(id)
    const shown = text
      .replaceAll(/<[^>]*>/g, '')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
    const told = [
      ...[view.id, view.digest, view.who.name, view.who.subject, view.who.app, view.where.connection, view.reason],
      ...view.what.fields.map((field) => field.text),
      ...(view.effect?.lines.slice(1) ?? []),
      ...(view.effect?.sample?.rows.flat() ?? []),
      ...view.why.flatMap(({ operation, policy, rule, source, because }) => [operation, policy, rule, source, because]),
      view.calls.asked,
    ]
    for (const part of told) if (part !== null) expect(shown).toContain(part)
  })
})

describe('history, one call, one session, the trail', () => {
  test('a session is told call by call, with what the agent got, and only to those whom it asked', async () => {
    const token = await gate.mint('app-only', {
      claims: { oid: '6f1c1b3e-0000-4000-8000-0000000000f1', name: 'night-bot' },
    })
    await gate.sql('SELECT id, email FROM users ORDER BY id LIMIT 2', {}, { token })
    const id = await ask({ token })
    await gate.reviewer().deny(id, 'Not tonight.')
    const { calls } = await gate.reviewer().show(id)
    await visitor.signIn('grace')

    const call = await visitor.visit(`/console/calls/${calls.asked}`)
    expect(call.status).toBe(200)
    expect(call.text).toContain('night-bot')
    expect(call.text).not.toContain('[masked:users.email]')
    const [session = ''] = /\/console\/sessions\/ses_\w+/.exec(call.text) ?? []
    const whole = await visitor.visit(session)
    expect(whole.text).toContain('[masked:users.email]')
    expect(whole.text).toContain('Not tonight.')
    expect(whole.text).not.toContain('user1@shop.example')

    const history = await visitor.visit('/console/history')
    expect(history.text).toContain(id)

    // The same agent elsewhere: a session that never asked this reviewer's set is not there for them.
    const other = await gate.mint('app-only', { claims: { oid: '6f1c1b3e-0000-4000-8000-0000000000f2' } })
    const quiet = await gate.sql('SELECT 1', {}, { token: other })
    const page = await visitor.visit(`/console/calls/${quiet.call_id}`)
    expect(page.status).toBe(404)
    expect(page.text).toContain('ERR_VOTE_UNKNOWN')
  })

  test('the trail is checked when somebody asks, and the proof is told', async () => {
    await visitor.signIn('grace')
    const before = await visitor.visit('/console/trail')
    expect(before.text).toContain('It was not checked')
    expect((await visitor.submit(before, '/trail/verify')).status).toBe(303)
    const after = await visitor.visit('/console/trail')
    expect(after.text).toContain('whole')
    expect(after.text).toContain('Proven')
    const forged = await visitor.visit('/console/trail/verify', { form: { csrf: randomToken() } })
    expect(forged.text).toContain('ERR_CONSOLE_FORM')
  })

  test('a login without a reviewer set opens none of it', async () => {
    const outsider = openVisitor(gate.url)
    await outsider.signIn('eve')
    const id = await ask()
    for (const path of ['requests', `requests/${id}`, 'history', 'trail', `calls/call_${'0'.repeat(26)}`]) {
      const page = await outsider.visit(`/console/${path}`)
      expect({ path, status: page.status }).toEqual({ path, status: 403 })
      expect(page.text).toContain('ERR_VOTE_NOT_REVIEWER')
      expect(page.text).not.toContain('DELETE')
    }
  })

  test.each([
    '/console/requests/x',
    '/console/requests/apr_0',
    '/console/calls/..%2f..%2fetc',
    '/console/assets/../createConsole.ts',
    '/console/assets/x',
    '/console/nothing',
    '/console/requests/a/b/c/d',
  ])('%s is not there', async (path) => {
    await visitor.signIn('grace')
    expect((await visitor.visit(path)).status).toBe(404)
  })
})

describe('live updates', () => {
  test('a stream says that something changed and nothing else, and ends with the session', async () => {
    await visitor.signIn('grace')
    const page = await visitor.visit('/console/requests')
    const response = await fetch(`${origin}/console/events`, {
      headers: { cookie: `${sessionName}=${visitor.cookies.get(sessionName)}` },
    })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const heard: string[] = []
    const readUntil = async (wanted: (text: string) => boolean) => {
      while (!wanted(heard.join(''))) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
        if (done) return
        heard.push(value)
      }
    }
    await readUntil((text) => text.includes('changed'))
    // The first poll only learns what is there.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await ask({ reason: 'A secret plan.' })
    await readUntil((text) => text.split('event: changed').length > 2)
    await visitor.submit(page, '/logout')
    await readUntil(() => false)
    expect(heard.join('')).toContain('event: ended')
    expect(new Set(heard.join('').split('\n'))).toEqual(new Set(['event: changed', 'event: ended', 'data: now', '']))
  })

  test('nobody listens without a session', async () => {
    expect((await visitor.visit('/console/events')).status).toBe(401)
  })
})

describe('limits', () => {
  test('logins of one address and pages of one person are limited, and a stop ends open streams', async () => {
    const small = await startRealGate({
      database: gate.database,
      config: { approvals: { console: { enabled: true } } },
      limits: { logins: { perSecond: 0.001, burst: 3 }, pages: { perSecond: 0.001, burst: 5 } },
    })
    try {
      const person = openVisitor(small.url)
      await person.signIn('grace')
      expect((await person.visit('/console/login')).status).toBe(303)
      const fourth = await person.visit('/console/login')
      expect(fourth.status).toBe(429)
      expect(fourth.headers.get('location')).toBeNull()
      const cookie = [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const stream = await fetch(new URL('/console/events', small.url), { headers: { cookie } })
      for (let count = 2; count <= 5; count += 1) expect((await person.visit('/console/history')).status).toBe(200)
      expect((await person.visit('/console/history')).status).toBe(429)
      await small.gateway.stop('request')
      expect(await stream.text()).toContain('event: changed')
    } finally {
      await small.stop()
    }
  })
})
