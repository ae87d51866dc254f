import { beforeEach, expect, test } from 'vitest'
import { createMemoryStore } from '../../src/adapters/memoryStore.ts'
import type { Approval, ApprovalEvent } from '../../src/approvals/approval.ts'
import type { StateStore } from '../../src/approvals/ports.ts'
import { expire, unchanged, withdraw } from '../../src/approvals/transitions.ts'
import { startNotifyLoop } from '../../src/gateway/notifyLoop.ts'
import { newId } from '../../src/newId.ts'
import { createSlackNotifier } from '../../src/slack/createSlackNotifier.ts'
import { type SlackApi, SlackProblem } from '../../src/slack/slackApi.ts'
import { anApproval, digestNamed, HOUR, MINUTE, T0 } from '../approvals/fixtures.ts'
import { eventually } from './slackGate.ts'

const terms = { needs: [{ set: 'dba', atLeast: 1 }], ttlMs: 4 * HOUR, previewRequired: false, reasonRequired: false }

let store: StateStore
let now: number
/** What was sent, in order: `post`, `update 1`, `thread 1: text`. */
let sent: string[]
let problem: SlackProblem | undefined
let delivered: string[]
beforeEach(() => {
  store = createMemoryStore()
  now = T0
  sent = []
  delivered = []
  problem = undefined
})

const api: SlackApi = {
  home: async () => ({ team: 'T', enterprise: undefined, app: 'A', bot: 'B' }),
  account: async () => ({ team: 'T', enterprise: undefined, name: 'x', email: undefined, marks: [] }),
  post: async () => record('post', String(sent.filter((one) => one === 'post').length + 1)),
  postInThread: async (_, ts, { text, blocks }) => void record(`thread ${ts}: ${text} ${JSON.stringify(blocks)}`, ''),
  update: async (_, ts) => void record(`update ${ts}`, ''),
  findPosted: async () => undefined,
  whisper: async () => {},
  openModal: async () => 'V',
  updateModal: async () => {},
}

function record(what: string, answer: string): string {
  if (problem !== undefined) throw problem
  sent.push(what)
  return answer
}

const notifier = () =>
  createSlackNotifier({
    ...{ api, store, channel: 'C1', remindBeforeMs: 15 * MINUTE, nameGroup: (id) => id, linkTo: () => undefined },
    recordDelivered: async ({ id }) => void delivered.push(id),
    onRefused: () => {},
    clock: () => now,
  })

async function opened(over: Partial<Approval> = {}): Promise<Approval> {
  const candidate = anApproval({ id: newId('apr', now), digest: digestNamed(newId('apr', now).slice(-20)), ...over })
  const result = await store.openOrJoin(candidate, terms, { maxPendingPerCaller: 100 }, now)
  if (!result.ok) throw new TypeError(result.code)
  return result.approval
}
const requested = ({ id, version }: Approval): ApprovalEvent => ({
  ...{ kind: 'requested', approvalId: id, version, at: T0, vote: undefined },
})

test('an event that is heard twice is told once', async () => {
  const approval = await opened()
  const slack = notifier()
  await slack.deliver(requested(approval), approval)
  await slack.deliver(requested(approval), approval)
  const result = await store.change(approval.id, (one) => withdraw(one, 'caller', now))
  const gone = result?.ok ? result.approval : approval
  const event = { ...requested(gone), kind: 'withdrawn' as const }
  await slack.deliver(event, gone)
  await slack.deliver(event, gone)
  expect(sent.map((one) => one.split(':')[0])).toEqual(['post', 'update 1', 'thread 1'])
  expect(delivered).toEqual([approval.id])
})

test('what was over before it could be shown is not shown any more', async () => {
  const approval = await opened({ expiresAt: T0 + MINUTE })
  const result = await store.change(approval.id, (one) => expire(one, T0 + HOUR))
  const over = result?.ok ? result.approval : approval
  await notifier().deliver(requested(approval), over)
  await notifier().deliver({ ...requested(over), kind: 'expired' }, over)
  expect(sent).toEqual([])
})

test('a reminder comes once, when little time is left, and not for what is not shown', async () => {
  const approval = await opened()
  const unseen = await opened()
  const slack = notifier()
  await slack.deliver(requested(approval), approval)
  await slack.remind(approval)
  now = approval.expiresAt - 16 * MINUTE
  await slack.remind(approval)
  expect(sent).toEqual(['post'])
  now = approval.expiresAt - 14 * MINUTE
  await slack.remind(approval)
  await slack.remind(approval)
  await slack.remind(unseen)
  now = approval.expiresAt
  await slack.remind(approval)
  expect(sent).toHaveLength(2)
  expect(sent[1]).toContain('Still waiting for a decision')
})

test('a short-lived request is reminded of in its last quarter', async () => {
  const approval = await opened({ ttlMs: 8 * MINUTE, expiresAt: T0 + 8 * MINUTE })
  const slack = notifier()
  await slack.deliver(requested(approval), approval)
  now = T0 + 5 * MINUTE
  await slack.remind(approval)
  expect(sent).toHaveLength(1)
  now = T0 + 7 * MINUTE
  await slack.remind(approval)
  expect(sent).toHaveLength(2)
})

const loopOf = (holder: string, onTrouble: (error: unknown) => void = () => {}) =>
  startNotifyLoop({
    ...{ store, notifier: notifier(), holder, clock: () => now, onTrouble, onRecovered: () => sent.push('recovered') },
    pace: { pollMs: 5, remindMs: 5, retryMs: 5, slowestMs: 20 },
  })

test('of two processes on one store one tells; the other goes on when it stops', async () => {
  const [a, b] = [loopOf('a'), loopOf('b')]
  for (let index = 0; index < 10; index += 1) await opened()
  await eventually(() => delivered.length === 10)
  await a.stop()
  for (let index = 0; index < 3; index += 1) await opened({ caller: { ...anApproval().caller, key: `k${index}` } })
  await eventually(() => delivered.length === 13)
  await b.stop()
  expect(sent.filter((one) => one === 'post')).toHaveLength(13)
  expect(new Set(delivered).size).toBe(13)
})

test.each(['thread_locked', 'cannot_reply_to_message', 'something_new'])(
  'a refusal that is about one message (%s) holds nobody up',
  async (reason) => {
    const approval = await opened()
    const slack = notifier()
    problem = new SlackProblem('refused', reason)
    await slack.deliver(requested(approval), approval)
    problem = undefined
    const next = await opened({ caller: { ...anApproval().caller, key: 'k' } })
    await slack.deliver(requested(next), next)
    problem = new SlackProblem('refused', reason)
    now = next.expiresAt - MINUTE
    await slack.remind(next)
    expect(delivered).toEqual([next.id])
  },
)

test.each(['invalid_auth', 'channel_not_found', 'is_archived'])(
  'a refusal that is about all messages (%s) is tried again',
  async (reason) => {
    const approval = await opened()
    const slack = notifier()
    problem = new SlackProblem('refused', reason)
    await expect(slack.deliver(requested(approval), approval)).rejects.toThrow(reason)
    problem = undefined
    await slack.deliver(requested(approval), approval)
    expect(delivered).toEqual([approval.id])
  },
)

test('a channel that was left behind and is gone holds nobody up', async () => {
  const approval = await opened()
  const slack = notifier()
  const old = {
    surface: 'slack',
    approvalId: approval.id,
    place: 'C0OLD',
    message: '1',
    drawn: 1,
    told: 1,
    reminded: false,
  }
  await store.saveDelivery(old)
  const result = await store.change(approval.id, (one) => withdraw(one, 'caller', now))
  const gone = result?.ok ? result.approval : approval
  problem = new SlackProblem('refused', 'channel_not_found')
  await slack.deliver({ ...requested(gone), kind: 'withdrawn' }, gone)
  expect(sent).toEqual([])
})

test('the loop keeps the order, says what is wrong once, waits, and goes on when it is over', async () => {
  problem = new SlackProblem('unreachable', 'no_answer')
  const troubles: unknown[] = []
  const loop = loopOf('a', (error) => troubles.push(error))
  const first = await opened()
  const second = await opened()
  await eventually(() => troubles.length === 1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  loop.wake()
  expect(troubles).toHaveLength(1)
  expect(await store.pendingEvents('notifier:slack', 10)).toHaveLength(2)
  problem = undefined
  await eventually(() => delivered.length === 2)
  await loop.stop()
  expect(delivered).toEqual([first.id, second.id])
  expect(sent).toContain('recovered')
})

test('an unchanged record changes no message', async () => {
  const approval = await opened()
  const slack = notifier()
  await slack.deliver(requested(approval), approval)
  await store.change(approval.id, unchanged)
  await slack.deliver({ ...requested(approval), kind: 'voted', version: 2 }, approval)
  expect(sent).toEqual(['post'])
})
