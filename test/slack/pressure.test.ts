import { afterAll, beforeAll, expect, test } from 'vitest'
import { REQUESTS_PER_MINUTE } from '../../src/approvals/openOrJoin.ts'
import { eventually, PEOPLE, type SlackGate, startSlackGate } from './slackGate.ts'

let made: SlackGate
beforeAll(async () => {
  made = await startSlackGate({ config: { approvals: { maxPendingPerCaller: 5 } } })
})
afterAll(() => made?.stop())

test('one agent that makes 500 gated calls puts no more messages before reviewers than may be pending', async () => {
  const statuses = new Map<string, number>()
  for (let done = 0; done < 500; done += 20) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => made.gate.sql(`DELETE FROM jobs WHERE id = ${done + index}`)),
    )
    for (const { status } of answers) statuses.set(String(status), (statuses.get(String(status)) ?? 0) + 1)
  }
  expect(statuses.get('pending_approval')).toBe(5)
  await eventually(() => made.slack.requests().length === 5)
  const reviewer = made.gate.reviewer({ oid: PEOPLE.U0ANN })
  for (const { id } of await reviewer.list()) await reviewer.deny(id)
  // Room again, but not for as many as the agent likes; and what was denied is answered from the denial.
  const again = await Promise.all(
    Array.from({ length: 40 }, (_, index) => made.gate.sql(`DELETE FROM jobs WHERE id = ${index}`)),
  )
  expect(again.filter(({ status }) => status === 'denied').length).toBeGreaterThan(0)
  expect(made.slack.requests().length).toBeLessThanOrEqual(REQUESTS_PER_MINUTE)
}, 240_000)

test('twenty times the same call is one message', async () => {
  const before = made.slack.requests().length
  const token = await made.gate.mint('app-only', {
    claims: { roles: ['Agent.Access', 'db-maintenance-agents'], azp: '6f1c1b3e-0000-4000-8000-00000000e001' },
  })
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => made.gate.sql('DELETE FROM jobs WHERE id = 1', {}, { token })),
  )
  expect(new Set(answers.map(({ approval_id }) => approval_id)).size).toBe(1)
  await made.messageOf(answers[0]?.approval_id ?? '')
  expect(made.slack.requests().length).toBe(before + 1)
})
