import { expect, test } from 'vitest'
import { openRefusalCounter } from '../../src/audit/refusals.ts'
import { openMemoryTrail } from './memoryTrail.ts'

const at = (second: number) => new Date(Date.UTC(2026, 10, 20, 9, 0, second))

test('refusals are one entry per address, code and caller, with how often, first and last', async () => {
  const { trail, events } = openMemoryTrail()
  const refusals = openRefusalCounter(trail)
  refusals.count('192.0.2.1', 'ERR_HOST', at(1))
  refusals.count('192.0.2.1', 'ERR_HOST', at(5))
  refusals.count('192.0.2.1', 'ERR_ORIGIN', at(6))
  refusals.count('192.0.2.2', 'ERR_HOST', at(7))
  refusals.count('192.0.2.2', 'ERR_RATE_LIMIT', at(8), 'agent-oid')
  refusals.count('192.0.2.2', 'ERR_RATE_LIMIT', at(9), 'other-oid')
  await refusals.close()
  await refusals.flush()
  const moment = (second: number) => at(second).toISOString()
  expect(events).toEqual([
    {
      event: 'refusals.aggregated',
      refusals: [
        { address: '192.0.2.1', code: 'ERR_HOST', count: 2, first: moment(1), last: moment(5) },
        { address: '192.0.2.1', code: 'ERR_ORIGIN', count: 1, first: moment(6), last: moment(6) },
        { address: '192.0.2.2', code: 'ERR_HOST', count: 1, first: moment(7), last: moment(7) },
        {
          address: '192.0.2.2',
          code: 'ERR_RATE_LIMIT',
          oid: 'agent-oid',
          count: 1,
          first: moment(8),
          last: moment(8),
        },
        {
          address: '192.0.2.2',
          code: 'ERR_RATE_LIMIT',
          oid: 'other-oid',
          count: 1,
          first: moment(9),
          last: moment(9),
        },
      ],
      more: undefined,
    },
  ])
})

test('a hundred thousand addresses make one record of a few kilobytes, and every refusal is in its numbers', async () => {
  const { trail, events } = openMemoryTrail()
  const refusals = openRefusalCounter(trail)
  for (let n = 0; n < 100_000; n += 1) refusals.count(`2001:db8::${n.toString(16)}`, 'ERR_HOST', at(1))
  await refusals.close()
  const [record] = events
  if (record?.event !== 'refusals.aggregated') throw new Error('no record')
  expect(events).toHaveLength(1)
  expect(JSON.stringify(record).length).toBeLessThan(10_000)
  expect(record.refusals[0]).toMatchObject({ address: '*', count: 99_000 })
  expect(record.refusals.reduce((sum, { count }) => sum + count, record.more ?? 0)).toBe(100_000)
})

test('while the disk has no room they stay counted, and nothing is written', async () => {
  const { trail, events, state } = openMemoryTrail()
  const refusals = openRefusalCounter(trail)
  state.hasRoom = false
  refusals.count('192.0.2.1', 'ERR_HOST', at(1))
  await refusals.flush()
  expect(events).toEqual([])
  state.hasRoom = true
  refusals.count('192.0.2.1', 'ERR_HOST', at(2))
  await refusals.close()
  expect(events).toMatchObject([{ refusals: [{ count: 2 }] }])
})
