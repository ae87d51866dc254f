import { expect, test } from 'vitest'
import { createMemoryStore } from '../../src/adapters/memoryStore.ts'
import { openLease } from '../../src/gateway/openLease.ts'

test('a lease that ran out while the machine slept is taken anew, as a new run', async () => {
  const store = createMemoryStore()
  let now = Date.now()
  const lost: unknown[] = []
  const lease = await openLease(
    store,
    'gate',
    () => now,
    (error) => lost.push(error),
    5,
  )
  const first = lease.current()
  expect(await lease.isLive()).toBe(true)
  now += 3_600_000
  expect(await lease.isLive()).toBe(false)
  await expect.poll(() => lease.isLive()).toBe(true)
  lease.close()
  expect(lease.current().epoch).toBe(first.epoch + 1)
  expect(await store.isLeaseLive(first, now)).toBe(false)
  expect(lost).toMatchObject([{ code: 'ERR_LEASE_LOST' }])
})
