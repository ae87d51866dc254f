import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { eventually, PEOPLE, type SlackGate, startSlackGate } from '../slack/slackGate.ts'
import { startChromium } from './chromium.ts'

let made: SlackGate
let browser: Browser
beforeAll(async () => {
  browser = await startChromium()
  made = await startSlackGate({
    config: {
      approvals: {
        console: { enabled: true },
        reviewers: { dba: { people: [PEOPLE.U0ANN, DEMO_IDS.reviewer], atLeast: 1 } },
      },
    },
  })
  made.slack.users.set('U0GRA', { profile: { real_name: 'Grace' } })
  await eventually(() => made.slack.sockets.size === 1)
})
afterAll(async () => {
  await browser?.close()
  await made?.stop()
})

async function type(text: string): Promise<string> {
  const command = { command: '/countersign', text, api_app_id: 'A0APP', team_id: 'T0HOME', channel_id: 'C9' }
  return JSON.stringify(await made.slack.deliver({ ...command, user_id: 'U0GRA' }, { type: 'slash_commands' }))
}

test.each(['light', 'dark'] as const)(
  'an account is linked in a browser the width of a telephone, %s',
  async (colorScheme) => {
    const complaints: string[] = []
    const context = await browser.newContext({ viewport: { width: 380, height: 800 }, colorScheme })
    await context.addInitScript(`addEventListener('securitypolicyviolation', (event) =>
    console.error('CSP ' + event.violatedDirective + ' ' + event.blockedURI))`)
    const page = await context.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
    })
    const expectReadable = async () => {
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate<{ violations: axe.Result[] }>('axe.run(document)')
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))])).toEqual([])
      const [content = 0, width = 0] = await page.evaluate<number[]>(
        '[document.documentElement.scrollWidth, innerWidth]',
      )
      expect(content).toBeLessThanOrEqual(width)
    }

    const address = /http:\/\/127\.0\.0\.1:\d+\/console\/link\/[0-9a-f]{64}/.exec(await type('link'))?.[0] ?? ''
    await page.goto(address)
    await page.getByRole('link', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Grace' }).click()
    await page.getByRole('heading', { name: 'Is this Slack account yours?' }).waitFor()
    if (process.env.UPDATE_SCREENSHOTS === '1' && colorScheme === 'light') {
      await page.screenshot({ path: join(import.meta.dirname, '../../docs/screenshots/link.png'), fullPage: true })
    }
    await expectReadable()
    await page.getByRole('button', { name: 'It is mine' }).click()
    const shown = (await page.locator('.link-code').textContent()) ?? ''
    await expectReadable()
    expect(await type(shown.replace('/countersign ', ''))).toContain('counts as grace@corp.example')
    await page.getByRole('link', { name: 'Your accounts' }).click()
    await page.getByText('U0GRA').waitFor()
    await expectReadable()
    await page.getByRole('button', { name: 'Unlink Slack account U0GRA' }).click()
    await page.getByText('No account is linked to you.').waitFor()
    expect(complaints).toEqual([])
    await context.close()
  },
)
