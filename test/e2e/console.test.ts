import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { startChromium } from './chromium.ts'

const SCREENSHOTS = join(import.meta.dirname, '../../docs/screenshots')
const PHONE = { width: 380, height: 800 }

let gate: RealGate
let browser: Browser
let origin: string
const contexts: BrowserContext[] = []
/** What the browser complained about, in every page of the test. */
let complaints: string[] = []

beforeAll(async () => {
  ;[gate, browser] = await Promise.all([
    startRealGate({
      policies: [
        `
policy: db-maintenance-agents
connection: prod-maintenance
rules:
  - match: SELECT
    action: allow
  - name: row-changes
    match: INSERT|UPDATE|DELETE
    action: require-approval
record: true
`,
      ],
      connection: { labels: { env: 'prod', region: 'eu' } },
      config: { approvals: { console: { enabled: true }, owners: { [DEMO_IDS.agentObject]: [DEMO_IDS.engineer] } } },
    }),
    startChromium(),
  ])
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

async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options })
  contexts.push(context)
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)
    })
  })
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return page
}

async function signIn(page: Page, person = 'Grace', path = '/console'): Promise<void> {
  await page.goto(origin + path)
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: person }).click()
  await page.waitForURL(/\/console\/requests/)
}

async function ask(sql: string, reason: string): Promise<string> {
  const answer = await gate.sql(sql, { reason })
  expect(answer).toMatchObject({ status: 'pending_approval' })
  return answer.approval_id ?? ''
}
const stateOf = async (id: string) => (await gate.reviewer().show(id)).state

async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run(document))
  expect(
    violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html }) => html.slice(0, 200)) })),
  ).toEqual([])
}

async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  expect(content).toBeLessThanOrEqual(window ?? 0)
}

/** Pictures for the documentation are taken when somebody asks for them, and looked at. */
async function picture(page: Page, name: string): Promise<void> {
  if (process.env.UPDATE_SCREENSHOTS !== '1') return
  await mkdir(SCREENSHOTS, { recursive: true })
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true })
}

describe('the console in Chromium', () => {
  test('shows a request as it arrives, complete, and approves it', async () => {
    const page = await openPage()
    await signIn(page)
    await page.getByText('Nothing is waiting.').waitFor()
    const id = await ask(
      "DELETE FROM jobs WHERE state = 'failed' AND finished_at < '2026-02-01'",
      'Old failed jobs slow the queue down.',
    )
    const row = page.getByRole('link', { name: /DELETE on prod-maintenance/ })
    await row.waitFor()
    expect(await page.title()).toContain('(1) Pending')
    await picture(page, 'pending')
    await expectAccessible(page)
    await row.click()
    await page.getByText('Old failed jobs slow the queue down.').waitFor()
    await picture(page, 'request')
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('approved, not run yet').waitFor()
    expect(await stateOf(id)).toBe('approved')
  })
})
