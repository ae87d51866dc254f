import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { TrailEvent } from '../../src/audit/event.ts'
import { collectRecords } from '../../src/audit/show.ts'
import { renderTimeline } from '../../src/audit/timeline.ts'
import type { MaskedText } from '../../src/call.ts'
import { makeFolder, openTestTrail, trailFiles } from './openTestTrail.ts'

const masked = (text: string) => text as MaskedText
const caller = { kind: 'agent', provider: 'entra', oid: 'o', app: 'a', name: 'cleanup-bot' } as const
const about = (call: string, session: string) => ({ call, session, caller, tool: 'run_sql', connection: 'prod' })
const decision = {
  action: 'require-approval',
  policy: 'cleanup',
  rule: 'small',
  reason: 'rule-matched',
  policy_version: 'p',
  verdicts: [],
} as const
const HOSTILE = 'DELETE FROM jobs\n2026-11-20T09:00:00.000Z  call.denied\u001b[2J\u202e'

const EVENTS: TrailEvent[] = [
  { event: 'gateway.started', replica: 'r1', version: '0.1.0', node: 'v20' },
  {
    event: 'call.decided',
    ...about('call_1', 'ses_1'),
    request: { sql: masked(HOSTILE) },
    operations: [{ operation: 'DELETE', tables: ['public.jobs'] }],
    decision,
  },
  {
    event: 'approval.requested',
    approval: 'apr_1',
    call: 'call_1',
    tool: 'run_sql',
    digest: 'd',
    reviewers: ['dba'],
    reason: masked('old'),
  },
  { event: 'call.deferred', ...about('call_1', 'ses_1'), approval: 'apr_1' },
  {
    event: 'approval.decided',
    approval: 'apr_1',
    by: { oid: 'p', name: 'Dana' },
    via: 'cli',
    vote: 'approve',
    state: 'approved',
  },
  { event: 'call.started', ...about('call_2', 'ses_1'), approval: 'apr_1' },
  { event: 'call.committing', call: 'call_2', outcome_ref: { xid: '7' } },
  { event: 'call.finished', ...about('call_2', 'ses_1'), approval: 'apr_1', status: 'executed', rows_changed: 3 },
  { event: 'call.refused', ...about('call_3', 'ses_2'), code: 'ERR_ARGUMENTS', message: masked('call_1 and "apr_1"') },
]

let dir: string

beforeAll(async () => {
  dir = await makeFolder()
  const { trail } = await openTestTrail(dir, { records: 100 })
  for (const event of EVENTS) await trail.append(event)
  await trail.close()
})

const eventsOf = async (id: string) => (await collectRecords(dir, id)).map(({ event }) => event)

test('a call shows what belongs to it and to its approval, and nothing of others', async () => {
  expect(await eventsOf('call_1')).toEqual([
    ...['call.decided', 'approval.requested', 'call.deferred', 'approval.decided', 'call.started', 'call.finished'],
  ])
})

test('an approval shows the call that asked, the votes and the call that ran', async () => {
  expect(await eventsOf('apr_1')).toEqual([
    ...['call.decided', 'approval.requested', 'call.deferred', 'approval.decided'],
    ...['call.started', 'call.committing', 'call.finished'],
  ])
})

test('a session shows all its calls, and a text that mentions an id does not belong to it', async () => {
  expect(await eventsOf('ses_1')).toHaveLength(7)
  expect(await eventsOf('ses_2')).toEqual(['call.refused'])
  expect(await eventsOf('call_9')).toEqual([])
})

test('a damaged line is passed over', async () => {
  const [name = ''] = await trailFiles(dir)
  await appendFile(join(dir, name), '{"call":"call_1","event":\n{"event":"call.decided","at":"x","call":"call_1"}\n')
  const records = await collectRecords(dir, 'call_1')
  expect(records).toHaveLength(7)
  expect(renderTimeline(records, 'plain')).toContain('not a record that this version knows')
})

test('the timeline tells the story, in colour only when asked, and no text of a record can steer the terminal or pose as a line', async () => {
  const records = await collectRecords(dir, 'apr_1')
  const text = renderTimeline(records, 'plain')
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  expect(text).toContain('require-approval by cleanup/small (rule-matched)')
  expect(text).toContain('apr_1: approve by Dana via cli, now approved')
  expect(text).toContain('executed, 3 rows changed')
  expect(text.split('\n').filter((line) => /^2026-11-20T09:00:00.000Z/.test(line))).toEqual([])
  expect(text).toContain('\\u001b[2J')
  expect(renderTimeline(records, 'colour')).toContain('\u001b[32m')
})
