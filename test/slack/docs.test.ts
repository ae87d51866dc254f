import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { slackSettings } from '../../src/slack/settings.ts'

const [settings, manifest] = [...readFileSync('docs/slack.md', 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)].map(
  ([, text = '']) => parse(text),
)

test('the settings of docs/slack.md load', () => {
  expect(slackSettings.parse(settings.approvals.slack)).toMatchObject({ mode: 'socket', channel: 'C012AB3CD' })
})

test('docs/slack.md names every setting', () => {
  const text = readFileSync('docs/slack.md', 'utf8')
  for (const key of Object.keys(slackSettings.shape)) expect(text).toContain(`| \`${key}\` |`)
})

test('the manifest asks for the scopes that are explained, for no e-mail, and keeps within the limits of manifests', () => {
  const { bot } = manifest.oauth_config.scopes
  const text = readFileSync('docs/slack.md', 'utf8')
  expect(bot).toEqual(['chat:write', 'commands', 'users:read', 'groups:history'])
  for (const scope of bot) expect(text).toContain(`| \`${scope}\` |`)
  expect(manifest.settings).toMatchObject({ socket_mode_enabled: true, interactivity: { is_enabled: true } })
  expect(manifest.display_information.name.length).toBeLessThanOrEqual(35)
  expect(manifest.display_information.description.length).toBeLessThanOrEqual(140)
  expect(manifest.features.slash_commands).toMatchObject([{ command: '/countersign' }])
})
