import { afterAll, beforeAll, expect, test } from 'vitest'
import { lintBlocks } from './lintBlocks.ts'
import { eventually, PEOPLE, type SlackGate, startSlackGate } from './slackGate.ts'
import { clickOn } from './standIn.ts'

let made: SlackGate
beforeAll(async () => {
  made = await startSlackGate({
    config: {
      approvals: {
        escalation: { after: '1s', to: 'on-call' },
        reviewers: { dba: { people: [PEOPLE.U0ANN] }, 'on-call': { people: [PEOPLE.U0BEN] } },
      },
    },
  })
  await eventually(() => made.slack.sockets.size === 1)
})
afterAll(() => made?.stop())

test('the message and its thread say that a request moved, once; the others decide there', async () => {
  const id = await made.request('DELETE FROM jobs WHERE id = 1')
  const message = await made.messageOf(id)
  const before = { ...message, blocks: message.blocks }
  await eventually(() => made.slack.threadOf(message).join().includes('It moved to on-call'))
  await eventually(() => JSON.stringify(message.blocks).includes('from dba to on-call'))
  expect(JSON.stringify(message.blocks)).toContain('0 of 1 from on-call')
  expect(lintBlocks(message.blocks)).toEqual([])
  // Also from the message as it was: what counts is in the store.
  await made.slack.deliver(clickOn(before, 'countersign_approve', { user: 'U0ANN' }))
  await eventually(() =>
    made.slack.whispers.some(
      ({ user, blocks }) => user === 'U0ANN' && JSON.stringify(blocks).includes('not a reviewer'),
    ),
  )
  await made.slack.deliver(clickOn(message, 'countersign_approve', { user: 'U0BEN' }))
  await eventually(() => message.text.startsWith('Approved'))
  expect(await made.collect(id)).toMatchObject({ status: 'ok' })
  expect(
    made.slack
      .threadOf(message)
      .join()
      .match(/It moved to/g),
  ).toHaveLength(1)
})
