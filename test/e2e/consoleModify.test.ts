import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { DEMO_PEOPLE } from '../../src/demo/people.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import { startChromium } from './chromium.ts'

const HEIDI = {
  ...{ id: 'heidi', name: 'Heidi', about: '' },
  claims: {
    oid: '6f1c1b3e-0000-4000-8000-0000000000c1',
    preferred_username: 'heidi@corp.example',
    groups: [DEMO_IDS.reviewersGroup],
  },
}

let gate: RealGate
let browser: Browser
let origin: string
let complaints: string[] = []

beforeAll(async () => {
  browser = await startChromium()
  gate = await startRealGate({
    people: [...DEMO_PEOPLE, HEIDI],
    config: { approvals: { console: { enabled: true } } },
  })
  origin = new URL(gate.url).origin
})
afterAll(async () => {
  await browser?.close()
  await gate?.stop()
})
afterEach(() => {
  const heard = complaints
  complaints = []
  expect(heard).toEqual([])
})

async function openBrowser(person: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options })
  await context.addInitScript(`addEventListener('securitypolicyviolation', (event) =>
    console.error('CSP ' + event.violatedDirective + ' ' + event.blockedURI))`)
  const page = await context.newPage()
  page.on('console', (message) => {
    // A refusal is a page with its status, which Chromium reports.
    if (message.type() === 'error' && !/status of (403|409)/.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.goto(`${origin}/console`)
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: person }).click()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  return page
}

async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<{ violations: axe.Result[] }>('axe.run(document)')
  expect(violations.map(({ id, impact, nodes }) => [id, impact, nodes.map(({ html }) => html.slice(0, 200))])).toEqual(
    [],
  )
  const [content = 0, window = 0] = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]')
  expect(content).toBeLessThanOrEqual(window)
}

async function ask(sql: string): Promise<string> {
  const answer = await gate.sql(sql, { reason: 'Tidying up.' })
  expect(answer).toMatchObject({ status: 'pending_approval' })
  return answer.approval_id ?? ''
}

/** Presses Tab until the focus is, visibly, on what has this label or text. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press('Tab')
    const text = await page.evaluate<string>(
      'document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent ?? ""',
    )
    if (!text.trim().startsWith(name)) continue
    expect(await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle')).not.toBe('none')
    return
  }
  throw new Error(`the keyboard does not reach ${name}`)
}

test('with the keyboard alone: a request is changed, refused once, sent, and approved by somebody else', async () => {
  const id = await ask("DELETE FROM jobs WHERE state = 'failed'")
  const page = await openBrowser('Grace')
  await page.goto(`${origin}/console/requests/${id}`)
  await tabTo(page, 'Change it…')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: /^Change:/ }).waitFor()
  await expectAccessible(page)
  await tabTo(page, 'sql')
  await page.keyboard.press('Control+End')
  await page.keyboard.type('; TRUNCATE jobs')
  await tabTo(page, 'Send for approval')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').waitFor()
  await expectAccessible(page)
  expect(await page.getByRole('textbox', { name: 'sql' }).inputValue()).toContain('; TRUNCATE jobs')

  await tabTo(page, 'sql')
  await page.keyboard.press('Control+A')
  await page.keyboard.type("DELETE FROM jobs WHERE state = 'failed' AND id < 3")
  await tabTo(page, 'Why')
  await page.keyboard.type('Only a few.')
  await tabTo(page, 'Send for approval')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'What a reviewer changed' }).waitFor()
  const changed = page.url()
  expect(changed).not.toContain(id)
  await page.getByText('Only a few.').waitFor()
  await expectAccessible(page)
  // Her own writing is not hers to approve.
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByText('Nobody approves what they wrote themselves').waitFor()

  const other = await openBrowser('Heidi')
  await other.goto(changed)
  await other.getByRole('button', { name: 'Approve' }).click()
  await other.getByText('approved, not run yet').waitFor()
  expect(await gate.call('await_approval', { approval_id: id })).toMatchObject({ status: 'ok' })
  // Who looks at the old request is told and led on.
  await page.goto(`${origin}/console/requests/${id}`)
  await page.getByRole('link', { name: 'another request' }).click()
  await page.getByText('approved and run').waitFor()
  for (const one of [page, other]) await one.context().close()
})

test.each(['light', 'dark'] as const)(
  'on a phone, %s: the form and the difference fit and can be read',
  async (colorScheme) => {
    const id = await ask(`DELETE FROM jobs WHERE kind IN ('${'a long value '.repeat(12)}', '${colorScheme}')`)
    const page = await openBrowser('Grace', { viewport: { width: 380, height: 800 }, colorScheme })
    await page.goto(`${origin}/console/requests/${id}/modify`)
    await expectAccessible(page)
    await page.getByRole('textbox', { name: 'sql' }).fill(`DELETE FROM jobs WHERE kind = '${colorScheme}'`)
    await page.getByRole('button', { name: 'Send for approval' }).click()
    await page.getByRole('heading', { name: 'What a reviewer changed' }).waitFor()
    await expectAccessible(page)
    await page.context().close()
  },
)

test('somebody who looks at a request while it is changed is told, and loses nothing that they typed', async () => {
  const id = await ask('DELETE FROM jobs WHERE id = 77')
  const page = await openBrowser('Heidi')
  await page.goto(`${origin}/console/requests/${id}`)
  await page.getByRole('button', { name: 'Deny' }).waitFor()
  const { digest } = await gate.reviewer().show(id)
  await gate
    .reviewer()
    .ask(`/${id}/modify`, { method: 'POST', body: { digest, set: { sql: 'DELETE FROM jobs WHERE id = 78' } } })
  await page.getByRole('link', { name: 'another request' }).waitFor()
  expect(await page.getByRole('button', { name: 'Deny' }).count()).toBe(0)
  await page.context().close()
})
