import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLog } from '../../src/adapters/log.ts'
import { startGateway } from '../../src/startGateway.ts'
import { listen } from '../fixtures/wire.ts'
import { eventually, type SlackGate, startSlackGate } from './slackGate.ts'
import { clickOn, reasonGiven, submissionOf } from './standIn.ts'

const UPDATE = "UPDATE jobs SET kind = kind || '!' WHERE id = 1"

let made: SlackGate
beforeAll(async () => {
  made = await startSlackGate({ atLeast: 2, config: { approvals: { ttl: '1h' } } })
  await eventually(() => made.slack.sockets.size === 1)
})
afterAll(() => made?.stop())

const votesOn = async (id: string) =>
  (await made.gate.readTrail()).filter(({ event, approval }) => event === 'approval.decided' && approval === id)
const whisperTo = (user: string, text: string) =>
  eventually(() => made.slack.whispers.some((one) => one.user === user && JSON.stringify(one.blocks).includes(text)))
const kindOfJob = async () => (await made.gate.admin('SELECT kind FROM jobs WHERE id = 1'))[0]?.kind

test('two different people must approve: a second click and a second account of the same person count once', async () => {
  await made.gate.admin("UPDATE jobs SET kind = 'sync' WHERE id = 1")
  const id = await made.request(UPDATE)
  const message = await made.messageOf(id)
  await made.slack.deliver(clickOn(message, 'countersign_approve', { user: 'U0ANN' }))
  await whisperTo('U0ANN', 'More people have to approve')
  await made.slack.deliver(clickOn(message, 'countersign_approve', { user: 'U0ANN' }))
  await whisperTo('U0ANN', 'counted before')
  await made.slack.deliver(clickOn(message, 'countersign_approve', { user: 'U0ANN2' }))
  await whisperTo('U0ANN2', 'counted before')
  await eventually(() => JSON.stringify(message.blocks).includes('1 of 2 from dba'))
  expect(await made.collect(id)).toMatchObject({ status: 'pending_approval' })
  expect(await kindOfJob()).toBe('sync')
  await made.slack.deliver(clickOn(message, 'countersign_approve', { user: 'U0BEN' }))
  await eventually(async () => (await votesOn(id)).length === 2)
  expect(await made.collect(id)).toMatchObject({ status: 'ok' })
  expect(await kindOfJob()).toBe('sync!')
})

test('one denial decides, and whoever clicks later is told who decided', async () => {
  const id = await made.request(UPDATE)
  const message = await made.messageOf(id)
  const before = { ...message, blocks: message.blocks }
  await made.slack.deliver(clickOn(message, 'countersign_deny', { user: 'U0BEN' }))
  const form = await eventually(() => [...made.slack.modals.values()].find((one) => one.private_metadata.includes(id)))
  await made.slack.deliver(submissionOf(form, reasonGiven('  '), { user: 'U0BEN' }))
  await whisperTo('U0BEN', 'A denial needs a reason')
  await made.slack.deliver(submissionOf(form, reasonGiven('No.'), { user: 'U0BEN' }))
  await eventually(() => message.text.startsWith('Denied'))
  await made.slack.deliver(clickOn(before, 'countersign_approve', { user: 'U0ANN' }))
  await whisperTo('U0ANN', 'It was denied by Person U0BEN')
  expect(await made.collect(id)).toMatchObject({ status: 'denied' })
})

test('a decision at the reviewers API changes the message, and so does a withdrawal by the agent', async () => {
  const denied = await made.request(UPDATE)
  const first = await made.messageOf(denied)
  await made.gate.reviewer({ oid: '6f1c1b3e-0000-4000-8000-0000000000b1' }).deny(denied, 'By the API.')
  await eventually(() => first.text.startsWith('Denied'))
  await eventually(() => made.slack.threadOf(first).join().includes('By the API.'))
  const withdrawn = await made.request(UPDATE)
  const second = await made.messageOf(withdrawn)
  await made.withdraw(withdrawn)
  await eventually(() => second.text.startsWith('Withdrawn'))
  expect(second.blocks.some(({ type }) => type === 'actions')).toBe(false)
})

test('one delivery reaches two gateways on one store: one vote, one message, one run', async () => {
  const config = JSON.parse(await readFile(made.gate.configPath, 'utf8'))
  const probe = createServer()
  const port = await listen(probe)
  await new Promise((resolve) => probe.close(resolve))
  const secondPath = join(made.gate.dir, 'second.yaml')
  config.server = { ...config.server, listen: `127.0.0.1:${port}`, publicUrl: `http://127.0.0.1:${port}/mcp` }
  config.audit = { ...config.audit, dir: 'audit-second' }
  await writeFile(secondPath, JSON.stringify(config))
  const second = await startGateway({ configPath: secondPath, log: openLog(new PassThrough().resume()), replica: 'b' })
  try {
    await eventually(() => made.slack.sockets.size === 2)
    await made.gate.admin("UPDATE jobs SET kind = 'sync' WHERE id = 1")
    const id = await made.request(UPDATE)
    const message = await made.messageOf(id)
    for (const user of ['U0ANN', 'U0BEN']) {
      const click = clickOn(message, 'countersign_approve', { user })
      const acknowledged = await Promise.all(
        [0, 1, 0, 1].map((socket) => made.slack.deliver(click, { socket, envelope: `e-${user}-${socket}` })),
      )
      expect(acknowledged.filter((one) => one !== undefined).length).toBeGreaterThan(0)
    }
    await eventually(() => message.text.startsWith('Approved'))
    const answers = await Promise.all(Array.from({ length: 5 }, () => made.collect(id)))
    expect(answers.some(({ status }) => status === 'ok')).toBe(true)
    expect(await kindOfJob()).toBe('sync!')
    const trails = [...(await made.gate.readTrail()), ...(await made.readTrailIn(second.config.audit.dir))]
    const votes = trails.filter(({ event, approval }) => event === 'approval.decided' && approval === id)
    expect(new Set(votes.map(({ by }) => JSON.stringify(by))).size).toBe(2)
    expect(made.slack.requests().filter(({ text }) => text.includes(id))).toHaveLength(1)
  } finally {
    await second.stop('request')
  }
})

test('what nobody decides expires: the message says so, and a late click decides nothing', async () => {
  const short = await startSlackGate({
    slack: made.slack,
    config: { approvals: { ttl: '4s' } },
    database: made.gate.database,
  })
  try {
    const id = await short.request(UPDATE)
    const message = await short.messageOf(id)
    const before = { ...message, blocks: message.blocks }
    await eventually(() => message.text.startsWith('Expired'))
    await eventually(() => made.slack.threadOf(message).join().includes('Expired without a decision'))
    const socket = [...made.slack.sockets].length - 1
    await made.slack.deliver(clickOn(before, 'countersign_approve', { user: 'U0BEN' }), { socket })
    await whisperTo('U0BEN', 'expired before this vote')
    expect(await short.collect(id)).toMatchObject({ status: 'expired' })
  } finally {
    await short.stop()
  }
})

test('/countersign pending lists what waits for this person, to this person alone', async () => {
  const id = await made.request(UPDATE)
  await made.messageOf(id)
  const command = { command: '/countersign', text: 'pending', api_app_id: 'A0APP', team_id: 'T0HOME', channel_id: 'C9' }
  const listed = await made.slack.deliver({ ...command, user_id: 'U0ANN' }, { type: 'slash_commands' })
  expect(listed).toMatchObject({ response_type: 'ephemeral' })
  expect(JSON.stringify(listed)).toContain(id)
  const stranger = await made.slack.deliver({ ...command, user_id: 'U0EVE' }, { type: 'slash_commands' })
  expect(JSON.stringify(stranger)).not.toContain(id)
  expect(JSON.stringify(stranger)).toContain('not a reviewer')
  const foreign = { ...command, user_id: 'U0ANN', team_id: 'T0OTHER' }
  expect(JSON.stringify(await made.slack.deliver(foreign, { type: 'slash_commands' }))).not.toContain(id)
})

test('a message that somebody deleted comes back while a decision is needed', async () => {
  const id = await made.request(UPDATE)
  const message = await made.messageOf(id)
  made.slack.messages.splice(made.slack.messages.indexOf(message), 1)
  await made.slack.deliver(clickOn(message, 'countersign_approve', { user: 'U0ANN' }))
  const again = await made.messageOf(id)
  expect(again.ts).not.toBe(message.ts)
  expect(JSON.stringify(again.blocks)).toContain('1 of 2 from dba')
  await made.slack.deliver(clickOn(again, 'countersign_approve', { user: 'U0BEN' }))
  await eventually(() => again.text.startsWith('Approved'))
})

test('nothing that Slack would refuse was sent', () => {
  expect(made.slack.lint).toEqual([])
})
