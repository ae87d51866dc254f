import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eventually, PEOPLE, type SlackGate, startSlackGate } from './slackGate.ts'
import { clickOn, type PostedMessage, type SlackStandIn, startSlackStandIn } from './standIn.ts'

const UPDATE = "UPDATE jobs SET kind = kind || '!' WHERE id = 1"

let slack: SlackStandIn
let made: SlackGate
/** Asked for while Slack was down at boot. */
let early: string

beforeAll(async () => {
  slack = await startSlackStandIn()
  await slack.halt()
  made = await startSlackGate({ slack })
  early = await made.request(UPDATE)
})
afterAll(async () => {
  await made?.stop()
  await slack?.close()
})
beforeEach(() => slack.heal())

const byApi = () => made.gate.reviewer({ oid: PEOPLE.U0BEN })
const ready = async () => (await fetch(new URL('/readyz', made.gate.url))).status
const messagesOf = (id: string) => slack.requests().filter(({ text }) => text.includes(id))
async function decided(message: PostedMessage, id: string) {
  await eventually(() => slack.sockets.size === 1)
  await slack.deliver(clickOn(message, 'countersign_approve'))
  await eventually(async () => (await byApi().show(id)).state === 'approved')
  await made.gate.admin("UPDATE jobs SET kind = 'sync' WHERE id = 1")
  expect(await made.collect(id)).toMatchObject({ status: 'ok' })
  expect(await made.gate.admin('SELECT kind FROM jobs WHERE id = 1')).toEqual([{ kind: 'sync!' }])
}

test('with Slack down at boot the gate is ready and the request is visible elsewhere; Slack gets it when it is back', async () => {
  expect(await ready()).toBe(200)
  expect((await byApi().list()).map(({ id }) => id)).toContain(early)
  expect(made.gate.logLines.join()).toContain('Slack is not connected')
  await slack.start()
  const message = await made.messageOf(early)
  await decided(message, early)
  expect(messagesOf(early)).toHaveLength(1)
})

test('an answer that is lost does not double the message', async () => {
  slack.fail('chat.postMessage', 'reset-after', 1)
  const id = await made.request(UPDATE)
  const message = await made.messageOf(id)
  await eventually(() => slack.calls.some(({ method }) => method === 'conversations.history'))
  await decided(message, id)
  await eventually(() => message.text.startsWith('Approved and executed'))
  expect(messagesOf(id)).toHaveLength(1)
})

test('neither does one that never comes', async () => {
  slack.fail('chat.postMessage', 'hang-after', 1)
  const id = await made.request(UPDATE)
  const message = await made.messageOf(id)
  await byApi().approve(id)
  await eventually(() => message.text.startsWith('Approved'))
  expect(messagesOf(id)).toHaveLength(1)
})

test('without the scope that reads the channel a second message may appear, and the outcome is in the later one', async () => {
  slack.fail('conversations.history', { error: 'missing_scope' })
  slack.fail('chat.postMessage', 'reset-after', 1)
  const id = await made.request(UPDATE)
  await eventually(() => messagesOf(id).length === 2)
  await byApi().deny(id)
  await eventually(() => messagesOf(id)[1]?.text.startsWith('Denied'))
})

test('a rate limit is waited out', async () => {
  slack.fail('chat.postMessage', 'limit', 2)
  const id = await made.request(UPDATE)
  const message = await made.messageOf(id)
  await byApi().deny(id)
  await eventually(() => message.text.startsWith('Denied'))
  expect(messagesOf(id)).toHaveLength(1)
})

test('what was decided while Slack was down is in its message and thread afterwards', async () => {
  const id = await made.request(UPDATE)
  const message = await made.messageOf(id)
  await slack.halt()
  await byApi().deny(id, 'Decided elsewhere.')
  const asked = await made.request(UPDATE)
  expect(await ready()).toBe(200)
  await slack.start()
  await eventually(() => message.text.startsWith('Denied'))
  await eventually(() => slack.threadOf(message).join().includes('Decided elsewhere.'))
  await made.messageOf(asked)
  expect(messagesOf(id)).toHaveLength(1)
})

test.each<[string, () => void]>([
  ['Slack recycles it', () => slack.recycle()],
  ['it breaks', () => slack.dropSockets()],
  [
    'Slack cannot be reached for a while',
    () => {
      slack.fail('apps.connections.open', 'reset', 2)
      slack.dropSockets()
    },
  ],
  [
    'Slack refuses the app token for a while',
    () => {
      slack.fail('apps.connections.open', { error: 'invalid_auth' }, 2)
      slack.dropSockets()
    },
  ],
  [
    'Slack limits how often it may be opened',
    () => {
      slack.fail('apps.connections.open', 'limit', 1)
      slack.recycle()
    },
  ],
])('the socket is opened again when %s, and clicks count', async (_, disturb) => {
  await eventually(() => slack.sockets.size === 1)
  const [old] = slack.sockets
  const id = await made.request(UPDATE)
  const message = await made.messageOf(id)
  disturb()
  await eventually(() => slack.sockets.size === 1 && ![...slack.sockets].some((socket) => socket === old))
  await decided(message, id)
})

test('a message that Slack refuses is replaced by one that says where to look, and offers no approval', async () => {
  slack.fail('chat.postMessage', { error: 'msg_blocks_too_long' }, 1)
  const id = await made.request(UPDATE)
  const message = await made.messageOf(id)
  expect(JSON.stringify(message.blocks)).toContain(`countersign approvals show ${id}`)
  expect(JSON.stringify(message.blocks)).not.toContain('countersign_approve')
  expect((await byApi().show(id)).state).toBe('pending')
})

test('nothing ended the process, nothing unexpected was logged, nothing broke a limit of Slack', () => {
  expect(made.gate.logLines.filter((line) => JSON.parse(line).level >= 50)).toEqual([])
  expect(slack.lint).toEqual([])
})
