import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { textsIn } from './lintBlocks.ts'
import { eventually, type SlackGate, startSlackGate } from './slackGate.ts'
import { clickOn, HAS_READ, reasonGiven, submissionOf } from './standIn.ts'

const DELETE = "DELETE FROM jobs WHERE state = 'failed' AND id < 20"

let made: SlackGate
beforeAll(async () => {
  made = await startSlackGate()
  await eventually(() => made.slack.sockets.size === 1)
})
afterAll(() => made?.stop())

const formOf = (id: string) =>
  eventually(() => [...made.slack.modals.values()].findLast((one) => one.private_metadata.includes(id)))
const refusalsOf = async (id: string) =>
  (await made.gate.readTrail()).filter(({ event, approval }) => event === 'approval.vote_refused' && approval === id)

describe('a request that a message cannot show safely', () => {
  const deceiving = `${DELETE} /* \u202E harmless */`
  const long = `${DELETE} AND id NOT IN (${Array.from({ length: 900 }, (_, index) => 1_000 + index).join(', ')})`
  // Written out, every invisible character is eight, and Slack has a limit for all of them.
  const endless = `${DELETE} /* ${'\u200B'.repeat(20_000)} */`

  test.each([
    ['deceiving', deceiving],
    ['long', long],
  ])(
    '%s: a forged one-click approval is refused; it is approved where all of it is shown, once that was confirmed',
    async (_, sql) => {
      const id = await made.request(sql)
      const message = await made.messageOf(id)
      expect(JSON.stringify(message.blocks)).not.toContain('countersign_approve')
      await made.slack.deliver(clickOn(message, 'countersign_approve'))
      await eventually(async () => (await refusalsOf(id)).some(({ code }) => code === 'ERR_SLACK_UNREAD'))
      await made.slack.deliver(clickOn(message, 'countersign_review'))
      const form = await formOf(id)
      const shown = textsIn(form.blocks).join('').replaceAll('\n', '')
      expect(shown).toContain(sql.replace('\u202E', '⟦U+202E⟧'))
      await made.slack.deliver(submissionOf(form, {}))
      await eventually(async () => (await refusalsOf(id)).length === 2)
      expect(message.text).toMatch(/^Approval needed/)
      await made.slack.deliver(submissionOf(form, HAS_READ))
      await eventually(() => message.text.startsWith('Approved'))
      expect(await made.collect(id)).toMatchObject({ status: 'ok' })
    },
  )

  test('too long for a modal: it is not approved in Slack at all, and can be denied there', async () => {
    const id = await made.request(endless)
    const message = await made.messageOf(id)
    expect(JSON.stringify(message.blocks)).toContain('too long for Slack')
    await made.slack.deliver(clickOn(message, 'countersign_review'))
    const form = await formOf(id)
    expect(form.submit).toBeUndefined()
    await made.slack.deliver(submissionOf(form, HAS_READ))
    await eventually(async () => (await refusalsOf(id)).some(({ code }) => code === 'ERR_SLACK_UNREAD'))
    expect(message.text).toMatch(/^Approval needed/)
    await made.slack.deliver(clickOn(message, 'countersign_deny'))
    await eventually(() => [...made.slack.modals.values()].at(-1)?.callback_id === 'countersign_deny_form')
    await made.slack.deliver(submissionOf(await formOf(id), reasonGiven('Too long to judge.')))
    await eventually(() => message.text.startsWith('Denied'))
  })

  test('somebody who is no reviewer gets no full text', async () => {
    const id = await made.request(long)
    const message = await made.messageOf(id)
    const opened = made.slack.modals.size
    await made.slack.deliver(clickOn(message, 'countersign_review', { user: 'U0EVE' }))
    await eventually(async () => (await refusalsOf(id)).some(({ code }) => code === 'ERR_VOTE_NOT_REVIEWER'))
    const [window] = [...made.slack.modals.values()].slice(opened)
    await eventually(() =>
      textsIn([...made.slack.modals.values()].at(-1))
        .join()
        .includes('not a reviewer'),
    )
    expect(textsIn(window).join()).not.toContain('jobs')
  })
})

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
