import { expect, test } from 'vitest'
import type { TrailEvent } from '../../src/audit/event.ts'
import { closeOpenCall, findOpenCalls } from '../../src/audit/recover.ts'
import { makeFolder, openTestTrail, readTrail } from './openTestTrail.ts'

const started = (call: string): TrailEvent => ({
  ...{ event: 'call.started', call, tool: 'run_sql', connection: 'prod', digest: 'hmac-sha256:d', approval: 'apr_1' },
})
const finished = (call: string): TrailEvent => ({ event: 'call.finished', call, tool: 'run_sql', status: 'executed' })
const gatewayStarted: TrailEvent = { event: 'gateway.started', replica: 'r1', version: '0.1.0', node: 'v20' }

test('calls that were started and not finished are found, over files, with what to ask the target by', async () => {
  const dir = await makeFolder()
  let day = 20
  const { trail } = await openTestTrail(dir, { now: () => new Date(`2026-11-${day}T09:00:00Z`) })
  await trail.append(gatewayStarted)
  await trail.append(started('call_lost_before_commit'))
  await trail.append(started('call_over_midnight'))
  await trail.append(started('call_done_over_midnight'))
  day = 21
  await trail.append({ event: 'call.committing', call: 'call_over_midnight', outcome_ref: { xid: '742' } })
  await trail.append(finished('call_done_over_midnight'))
  await trail.append(started('call_done'))
  await trail.append(finished('call_done'))
  await trail.close()

  const open = await findOpenCalls(dir, 'r1')
  expect(open).toMatchObject([
    { started: { call: 'call_lost_before_commit' }, startedAt: '2026-11-20T09:00:00.000Z', outcomeRef: undefined },
    { started: { call: 'call_over_midnight', digest: 'hmac-sha256:d' }, outcomeRef: { xid: '742' } },
  ])
  expect(await findOpenCalls(dir, 'another')).toEqual([])
})

test('closing them records the outcome as recovered, and they are not found again', async () => {
  const dir = await makeFolder()
  const first = await openTestTrail(dir)
  await first.trail.append(gatewayStarted)
  await first.trail.append(started('call_1'))
  await first.trail.append({ event: 'call.committing', call: 'call_1', outcome_ref: { xid: '742' } })
  await first.trail.close()

  const { trail } = await openTestTrail(dir)
  for (const call of await findOpenCalls(dir, 'r1')) await closeOpenCall(trail, call, 'executed')
  expect(await findOpenCalls(dir, 'r1')).toEqual([])
  await trail.append(gatewayStarted)
  await trail.close()
  expect((await readTrail(dir)).find(({ event }) => event === 'call.finished')).toMatchObject({
    ...{ call: 'call_1', status: 'executed', recovered: true, approval: 'apr_1', outcome_ref: { xid: '742' } },
  })
})

test('files before the one with the last start are not looked at', async () => {
  const dir = await makeFolder()
  let day = 20
  const { trail } = await openTestTrail(dir, { now: () => new Date(`2026-11-${day}T09:00:00Z`) })
  await trail.append(started('call_long_ago'))
  day = 21
  await trail.append(gatewayStarted)
  await trail.append(started('call_1'))
  day = 22
  await trail.append(started('call_2'))
  await trail.close()
  expect((await findOpenCalls(dir, 'r1')).map((call) => call.started.call)).toEqual(['call_1', 'call_2'])
})

test('what an earlier start closed is not read again, and a recovery that crashed halfway is', async () => {
  const dir = await makeFolder()
  const { trail } = await openTestTrail(dir)
  await trail.append(started('call_before_the_last_start'))
  await trail.append(gatewayStarted)
  await trail.append(started('call_1'))
  await trail.append(started('call_2'))
  await trail.append(finished('call_1'))
  await trail.close()
  expect((await findOpenCalls(dir, 'r1')).map((call) => call.started.call)).toEqual(['call_2'])
})
