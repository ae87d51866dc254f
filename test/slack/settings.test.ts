import { expect, test } from 'vitest'
import { slackSettings } from '../../src/slack/settings.ts'

const good = {
  botToken: { env: 'SLACK_BOT_TOKEN' },
  appToken: { file: '/run/secrets/slack_app' },
  channel: 'C012AB3CD',
  users: { U012AB3CD: '6f1c1b3e-0000-4000-8000-0000000000a1' },
}

test('Socket Mode is the default, with a reminder a quarter of an hour before the end', () => {
  expect(slackSettings.parse(good)).toMatchObject({ mode: 'socket', remindBefore: 15 * 60_000 })
})

test.each<[string, Record<string, unknown>]>([
  ['a token in the file itself', { botToken: 'xoxb-1' }],
  ['an unknown key', { signatureVerification: false }],
  ['socket without an app token', { appToken: undefined }],
  ['socket with a signing secret', { signingSecret: { env: 'S' } }],
  ['http without a signing secret', { mode: 'http', appToken: undefined }],
  ['http with an app token', { mode: 'http', signingSecret: { env: 'S' } }],
  ['the name of a channel', { channel: '#approvals' }],
  ['a direct message', { channel: 'D012AB3CD' }],
  ['the name of a user', { users: { '@ann': 'x' } }],
  ['an e-mail address as a user', { users: { 'ann@corp.example': 'x' } }],
  ['another Web API', { apiUrl: 'https://slack.example/api/' }],
  ['a Web API that only looks like loopback', { apiUrl: 'http://127.0.0.1.evil.example:80/api/' }],
  ['a Web API behind a user name', { apiUrl: 'http://127.0.0.1:80@evil.example:80/api/' }],
])('refused: %s', (_, over) => {
  expect(slackSettings.safeParse({ ...good, ...over }).success).toBe(false)
})
