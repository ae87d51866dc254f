import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { expire } from '../../src/approvals/transitions.ts'
import { vote } from '../../src/approvals/vote.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { newId } from '../../src/newId.ts'
import { aBallot, anApproval, digestNamed } from '../approvals/fixtures.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { startChromium } from './chromium.ts'

const SCREENSHOTS = join(import.meta.dirname, '../../docs/screenshots')
const PHONE = { viewport: { width: 380, height: 800 } }
const GATED = "DELETE FROM jobs WHERE state = 'failed' AND finished_at < '2026-02-01'"

const POLICY = `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT
    action: allow
  - name: row-changes
    match: INSERT|UPDATE|DELETE
    action: require-approval
record: true
`

let gate: RealGate
let browser: Browser
let origin: string
const contexts: BrowserContext[] = []
/** What the browsers complained about. */
let complaints: string[] = []

beforeAll(async () => {
  browser = await startChromium()
  gate = await startRealGate({
    policies: [POLICY],
    connection: { labels: { env: 'prod', region: 'eu' } },
    config: { approvals: { console: { enabled: true }, owners: { [DEMO_IDS.agentObject]: [DEMO_IDS.engineer] } } },
  })
  origin = new URL(gate.url).origin
})
afterAll(async () => {
  await browser?.close()
  await gate?.stop()
})
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
  const heard = complaints
  complaints = []
  expect(heard).toEqual([])
})

/** A browser of its own: no cookies yet. Everything that it complains about fails the test. */
async function openBrowser(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options })
  contexts.push(context)
  // As text: the types of these tests know no browser.
  await context.addInitScript(`addEventListener('securitypolicyviolation', (event) =>
    console.error('CSP ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample))`)
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return page
}

async function signIn(page: Page, path = '/console', person = 'Grace'): Promise<void> {
  await page.goto(origin + path)
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: person }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
}

let agents = 0
/** A call of another agent each time, so that nothing joins and no limit is met. */
async function ask(sql: string, reason: string, name = 'cleanup-bot'): Promise<{ id: string; token: string }> {
  agents += 1
  const token = await gate.mint('app-only', {
    claims: { oid: `6f1c1b3e-0000-4000-8000-${String(910_000 + agents).padStart(12, '0')}`, name },
  })
  const answer = await gate.sql(sql, { reason }, { token })
  expect(answer).toMatchObject({ status: 'pending_approval' })
  return { id: answer.approval_id ?? '', token }
}
const stateOf = async (id: string) => (await gate.reviewer().show(id)).state

async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<{ violations: axe.Result[] }>('axe.run(document)')
  const found = violations.map(({ id, impact, nodes }) => [id, impact, nodes.map(({ html }) => html.slice(0, 200))])
  expect(found).toEqual([])
}

async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const [content = 0, window = 0] = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]')
  expect(content).toBeLessThanOrEqual(window)
}

/** Pictures for the documentation, taken when somebody asks for them and looked at before they are committed. */
async function picture(page: Page, name: string): Promise<void> {
  if (process.env.UPDATE_SCREENSHOTS !== '1') return
  await mkdir(SCREENSHOTS, { recursive: true })
  // Rules are named by the folder of this run, which says nothing to a reader.
  await page.evaluate(`for (const id of document.querySelectorAll('.id')) {
    id.textContent = id.textContent.replace(${JSON.stringify(`${gate.dir}/`)}, '').replace('policy0', 'cleanup')
  }`)
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true })
}

const rowFor = (page: Page, id: string) => page.locator(`a[id="${id}"]`)

test('a request arrives while somebody looks, is read, approved, and runs once', async () => {
  const page = await openBrowser()
  await signIn(page)
  await page.getByText('Nothing is waiting.').waitFor()
  const { id, token } = await ask(GATED, 'Old failed jobs slow the queue down.')
  await rowFor(page, id).waitFor()
  expect(await page.title()).toContain('(1) Pending')
  expect(await page.getByRole('status').textContent()).toContain('Updated')
  await ask("UPDATE users SET plan = 'free' WHERE email = 'user7@shop.example'", 'Plan ended.', 'billing-agent')
  await page.getByText('billing-agent').waitFor()
  await picture(page, 'pending')
  await expectAccessible(page)

  await rowFor(page, id).click()
  await page.getByText('Old failed jobs slow the queue down.').waitFor()
  expect(await page.getByText('37', { exact: true }).isVisible()).toBe(true)
  await picture(page, 'request')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByText('approved, not run yet').waitFor()
  expect(await stateOf(id)).toBe('approved')

  // The page hears that it ran.
  expect(await gate.sql(GATED, {}, { token })).toMatchObject({ status: 'ok', result: { rows_changed: 148 } })
  await page.getByText('approved and run').waitFor()
  expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0)
})

test('what is hidden takes a step of its own; a denial needs its reason, and one who types loses nothing', async () => {
  const page = await openBrowser({ colorScheme: 'dark' })
  const hidden = 'Harmless\u202E\u200B clean-up'
  const { id, token } = await ask('DELETE FROM jobs WHERE id = 77', hidden)
  await signIn(page, `/console/requests/${id}`)
  await page.getByRole('heading', { name: 'Look closely' }).waitFor()
  expect(await page.getByText('⟦U+202E⟧').first().isVisible()).toBe(true)

  await page.getByRole('button', { name: 'Approve' }).click()
  expect(await page.evaluate('document.querySelector("#read").validity.valueMissing')).toBe(true)
  expect(await stateOf(id)).toBe('pending')

  await page.getByRole('button', { name: 'Deny' }).click()
  expect(await stateOf(id)).toBe('pending')
  await page.getByLabel('Why not').fill('Say what you')
  // News about something else leaves the form alone.
  await ask('DELETE FROM jobs WHERE id = 78', 'Another one.')
  await page.waitForTimeout(2_500)
  expect(await page.getByLabel('Why not').inputValue()).toBe('Say what you')
  await picture(page, 'hidden-dark')
  await expectAccessible(page)
  await page.getByLabel('Why not').fill('Say what you delete, without hidden characters.')
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.getByText('Say what you delete').waitFor()
  const answer = await gate.sql('DELETE FROM jobs WHERE id = 77', {}, { token })
  expect(answer).toMatchObject({ status: 'denied' })
  expect(answer.message).toContain('without hidden characters')
})

test('two people look at one request: who comes second is told who decided', async () => {
  const { id } = await ask('DELETE FROM jobs WHERE id = 79', 'Tidying.')
  const [first, second] = [await openBrowser(), await openBrowser({ javaScriptEnabled: false })]
  await signIn(first, `/console/requests/${id}`)
  await signIn(second, `/console/requests/${id}`, 'Ada')
  await first.getByRole('button', { name: 'Approve' }).click()
  await first.getByText('approved, not run yet').waitFor()
  await second.getByRole('button', { name: 'Approve' }).click()
  await second.getByRole('alert').waitFor()
  expect(await second.getByRole('alert').textContent()).toContain('approved by grace@corp.example')
  // A refusal is a page with a status of its own, which Chromium reports.
  complaints = complaints.filter((complaint) => !complaint.includes('409 (Conflict)'))
})

test('a session is replayed call by call, and the trail is checked', async () => {
  const { id, token } = await ask('DELETE FROM jobs WHERE id = 80', 'One job hangs.', 'night-agent')
  await gate.reviewer().approve(id)
  await gate.sql('SELECT id, name, email, plan FROM users ORDER BY id LIMIT 3', {}, { token })
  await gate.sql('TRUNCATE TABLE job_logs', {}, { token })
  await gate.sql('DELETE FROM jobs WHERE id = 80', {}, { token })
  const page = await openBrowser()
  await signIn(page, '/console/history')
  await page.locator(`a[id="${id}"]`).click()
  await page
    .getByRole('link', { name: /^call_/ })
    .first()
    .click()
  await page.getByRole('link', { name: 'The whole session' }).click()
  await page.getByRole('heading', { name: 'A session, call by call' }).waitFor()
  expect(await page.getByText('[masked:users.email]').first().isVisible()).toBe(true)
  expect(await page.getByText('ERR_POLICY_DENIED').first().isVisible()).toBe(true)
  await picture(page, 'session')
  await expectAccessible(page)

  await page.getByRole('link', { name: 'Trail' }).click()
  await page.getByRole('button', { name: 'Check the trail now' }).click()
  await page.getByText('whole', { exact: true }).waitFor()
  await picture(page, 'trail')
  await expectAccessible(page)
  await page.getByRole('link', { name: 'History' }).click()
  await page.getByRole('heading', { name: 'History' }).waitFor()
  await expectAccessible(page)
})

test('everything is done with the keyboard alone', async () => {
  const { id } = await ask('DELETE FROM jobs WHERE id = 81', 'Keys only.')
  const page = await openBrowser()
  await page.goto(`${origin}/console/requests/${id}`)
  const focusOn = async (wanted: RegExp) => {
    for (let presses = 0; presses < 40; presses += 1) {
      await page.keyboard.press('Tab')
      const text = await page.evaluate<string>(
        'document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent ?? ""',
      )
      const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle')
      expect(outline).not.toBe('none')
      if (wanted.test(text.trim())) return
    }
    throw new Error(`Tab never reached ${wanted}`)
  }
  await focusOn(/^Sign in$/)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Grace' }).waitFor()
  await focusOn(/^Grace/)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  await page.keyboard.press('Tab')
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content')
  await page.keyboard.press('Enter')
  await focusOn(/^Note/)
  await page.keyboard.type('Typed.')
  await focusOn(/^Approve$/)
  await page.keyboard.press('Space')
  await page.getByText('approved, not run yet').waitFor()
  expect(await stateOf(id)).toBe('approved')
})

test.each(['light', 'dark'] as const)(
  'a telephone shows every page without scrolling sideways, %s',
  async (colorScheme) => {
    const long = `DELETE FROM jobs WHERE kind = '${'x'.repeat(300)}' AND id = ${agents}`
    const { id, token } = await ask(long, 'A very long line.')
    await gate.sql('SELECT * FROM users ORDER BY id LIMIT 3', {}, { token })
    const page = await openBrowser({ ...PHONE, colorScheme, isMobile: true, hasTouch: true })
    await signIn(page, `/console/requests/${id}`)
    const { calls } = await gate.reviewer().show(id)
    for (const path of [`requests/${id}`, 'requests', 'history', 'rules', 'trail', `calls/${calls.asked}`]) {
      await page.goto(`${origin}/console/${path}`)
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
      await expectNoSidewaysScroll(page)
      await expectAccessible(page)
    }
    const { id: shown } = await ask(
      "DELETE FROM jobs WHERE state = 'done' AND kind = 'sync'",
      'Old jobs slow the queue down.',
    )
    await page.goto(`${origin}/console/requests/${shown}`)
    if (colorScheme === 'light') await picture(page, 'phone')
  },
)

/** Requests of this week in the store, as if they had been made: so many approved, denied and run out, after so long. */
async function pastRequests(
  policy: string,
  rule: string,
  operation: string,
  [approved, denied, expired, seconds]: readonly [number, number, number, number],
): Promise<void> {
  const store = openSqliteStore(gate.storePath)
  const outcomes = [...Array(approved).fill('approve'), ...Array(denied).fill('deny'), ...Array(expired).fill('expire')]
  for (const [index, outcome] of outcomes.entries()) {
    past += 1
    const at = Date.now() - 5 * 86_400_000 + index * 3_600_000
    const judged = { operation, otherwise: 'deny', facts: {} } as const
    const source = `policies/${policy}.yaml:${10 + rule.length}`
    const candidate = anApproval({
      ...{ id: newId('apr', at), digest: digestNamed(`past${past}`), createdAt: at, expiresAt: at + 3_600_000 },
      caller: { ...anApproval().caller, key: `${rule}-${index % 4}-${Math.floor(past / 60)}` },
      verdicts: [
        {
          operation: judged,
          action: 'require-approval',
          policy,
          rule,
          source,
          reason: 'rule-matched',
          message: undefined,
        },
      ],
    })
    const terms = { needs: candidate.needs, ttlMs: 3_600_000, previewRequired: false, reasonRequired: false }
    expect(await store.openOrJoin(candidate, terms, { maxPendingPerCaller: 1_000 }, at)).toMatchObject({ opened: true })
    await store.change(candidate.id, (one) =>
      outcome === 'expire'
        ? expire(one, at + 3_600_000)
        : vote(one, aBallot('grace', outcome, { digest: candidate.digest }), at + seconds * 1000),
    )
  }
  await store.close()
}
let past = 0

test.each(['light', 'dark'] as const)(
  'the rules that ask, with bars and no complaint of the browser, %s',
  async (colorScheme) => {
    await pastRequests('cleanup', 'small-deletes', 'DELETE', [31, 2, 1, 40])
    await pastRequests('cleanup', 'status-changes', 'UPDATE', [18, 0, 0, 4 * 60])
    await pastRequests('schema-changes', 'drops', 'DROP', [1, 9, 2, 12 * 60])
    await pastRequests('night-jobs', 'after-hours', 'UPDATE', [2, 1, 11, 55 * 60])
    const page = await openBrowser({ colorScheme })
    await signIn(page)
    await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Rules' }).click()
    await page.getByRole('row', { name: /small-deletes/ }).waitFor()
    expect(await page.getByRole('columnheader').allTextContents()).toEqual([
      ...['Rule', 'Asked', 'Approved', 'Denied', 'Ran out', 'Median wait'],
    ])
    expect(await page.locator('svg.share rect.share-approved').count()).toBeGreaterThan(0)
    await expectAccessible(page)
    if (colorScheme === 'light') await picture(page, 'rules')
    await page.getByRole('link', { name: 'Denied' }).click()
    await page.getByRole('columnheader', { name: 'Denied' }).and(page.locator('[aria-sort]')).waitFor()
    await page.getByRole('link', { name: '24 hours' }).click()
    await page.getByText('in the last 24 hours').waitFor()
  },
)

test('a link from another site leads to the page, with the strict cookie', async () => {
  const { id } = await ask('DELETE FROM jobs WHERE id = 83', 'A link in a chat.')
  const page = await openBrowser()
  await signIn(page)
  const foreign = new URL(gate.issuer.authority)
  foreign.hostname = 'localhost'
  await page.route(`${foreign.origin}/chat`, (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: `<link rel="icon" href="data:,"><a href="${origin}/console/requests/${id}">the request</a>`,
    }),
  )
  await page.goto(`${foreign.origin}/chat`)
  await page.getByRole('link', { name: 'the request' }).click()
  await page.getByText('A link in a chat.').waitFor()
})

test('the kill switch reaches a page that is only looked at', async () => {
  const page = await openBrowser()
  await signIn(page)
  const store = openSqliteStore(gate.storePath)
  const { number } = await store.revoke({ kind: 'person', id: DEMO_IDS.reviewer }, 'test', undefined, Date.now())
  await page.getByRole('link', { name: 'Sign in' }).waitFor()
  await store.undoRevocation(number, 'test', Date.now())
  await store.close()
  complaints = complaints.filter((complaint) => !complaint.includes('403 (Forbidden)'))
})
