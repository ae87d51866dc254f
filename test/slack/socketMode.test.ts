import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, type SlackGate, startSlackGate } from './slackGate.ts'
import { clickOn, reasonGiven, submissionOf } from './standIn.ts'

const DELETE = "DELETE FROM jobs WHERE state = 'failed' AND id < 20"

let made: SlackGate
beforeAll(async () => {
  made = await startSlackGate()
  await eventually(() => made.slack.sockets.size === 1)
})
afterAll(() => made?.stop())

describe('a request in Slack', () => {
  test('is shown, approved with a click, runs once, and its message and thread tell the rest', async () => {
    const id = await made.request(DELETE, { reason: 'The queue is *full*' })
    const message = await made.messageOf(id)
    const drawn = JSON.stringify(message.blocks)
    expect(drawn).toContain("DELETE FROM jobs WHERE state = 'failed'")
    expect(drawn).toContain('The queue is *full*')
    await made.slack.deliver(clickOn(message, 'countersign_approve'))
    expect(
      await eventually(async () => {
        const answer = await made.collect(id)
        return answer.status !== 'pending_approval' && answer
      }),
    ).toMatchObject({ status: 'ok' })
    await eventually(() => message.text.startsWith('Approved and executed'))
    expect(message.blocks.some(({ type }) => type === 'actions')).toBe(false)
    await eventually(() => made.slack.threadOf(message).length === 2)
    expect(made.slack.threadOf(message).join()).toContain('Approved by Person U0ANN')
    expect(made.slack.threadOf(message).join()).toContain('Executed, once.')
    const trail = await made.gate.readTrail()
    const about = trail.filter(({ approval }) => approval === id)
    expect(about.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['approval.requested', 'approval.delivered', 'approval.decided']),
    )
    expect(about.find(({ event }) => event === 'approval.decided')).toMatchObject({ via: 'slack', vote: 'approve' })
  })

  test('is denied with a reason that the agent gets', async () => {
    const id = await made.request(DELETE)
    const message = await made.messageOf(id)
    await made.slack.deliver(clickOn(message, 'countersign_deny'))
    const form = await eventually(() =>
      [...made.slack.modals.values()].find((one) => one.private_metadata.includes(id)),
    )
    await made.slack.deliver(submissionOf(form, reasonGiven('Wait for the backup.')))
    await eventually(() => message.text.startsWith('Denied'))
    expect(await made.collect(id)).toMatchObject({ status: 'denied' })
    expect(JSON.stringify(await made.collect(id))).toContain('Wait for the backup.')
    await eventually(() => made.slack.threadOf(message).join().includes('Wait for the backup.'))
  })

  test('nothing that Slack would refuse was sent', () => {
    expect(made.slack.lint).toEqual([])
  })
})
