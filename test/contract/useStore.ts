import { describe, expect, test } from 'vitest'
import type { StateStore } from '../../src/approvals/ports.ts'
import type { RatedRule } from '../../src/call.ts'
import { newId } from '../../src/newId.ts'
import { anApproval, digestNamed, HOUR, MINUTE, T0 } from '../approvals/fixtures.ts'

const few: RatedRule = { policy: 'cleanup', rule: 'few', limit: 20, windowMs: HOUR }
const daily: RatedRule = { policy: 'cleanup', rule: 'daily', limit: 30, windowMs: 24 * HOUR }
const terms = { needs: [{ set: 'dba', atLeast: 1 }], ttlMs: 4 * HOUR, previewRequired: false, reasonRequired: false }

/** What every store must do with uses of rated rules. `again` opens the same store from another process's side. */
export function describeUseStore(
  name: string,
  open: () => Promise<{ readonly store: StateStore; readonly again: () => Promise<StateStore> }>,
): void {
  const times = async (store: StateStore, count: number, rule = few, now = T0) => {
    for (let use = 0; use < count; use++) expect((await store.chargeUses('ann', [[rule]], now)).ok).toBe(true)
  }

  describe(`${name}: uses of rules`, () => {
    test('of 100 calls at once on two handles exactly as many pass as the rule lets through', async () => {
      const { store, again } = await open()
      const other = await again()
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, call) => (call % 2 ? store : other).chargeUses('ann', [[few]], T0)),
      )
      expect(results.filter(({ ok }) => ok)).toHaveLength(20)
      expect(await other.usesOf('ann', [few], T0)).toEqual([20])
      const stopped = results.find(({ ok }) => !ok)
      expect(stopped).toEqual({ ok: false, rule: few, freeAt: T0 + HOUR })
    })

    test('a use has room again when its time is over, one by one', async () => {
      const { store } = await open()
      await times(store, 10, few, T0)
      await times(store, 10, few, T0 + 30 * MINUTE)
      expect(await store.chargeUses('ann', [[few]], T0 + HOUR - 1)).toMatchObject({ ok: false, freeAt: T0 + HOUR })
      await times(store, 10, few, T0 + HOUR)
      expect(await store.chargeUses('ann', [[few]], T0 + HOUR)).toMatchObject({ ok: false, freeAt: T0 + 90 * MINUTE })
    })

    test('callers, policies and rules are counted apart', async () => {
      const { store } = await open()
      await times(store, 20)
      expect((await store.chargeUses('ann', [[few]], T0)).ok).toBe(false)
      expect((await store.chargeUses('bob', [[few]], T0)).ok).toBe(true)
      expect((await store.chargeUses('ann', [[{ ...few, policy: 'other' }]], T0)).ok).toBe(true)
      expect((await store.chargeUses('ann', [[{ ...few, rule: 'other' }]], T0)).ok).toBe(true)
    })

    test('of one entry a rule with room is enough; every entry must have one; nothing is counted otherwise', async () => {
      const { store } = await open()
      await times(store, 20)
      expect((await store.chargeUses('ann', [[few, daily]], T0)).ok).toBe(true)
      expect(await store.usesOf('ann', [few, daily], T0)).toEqual([20, 1])
      expect(await store.chargeUses('ann', [[daily], [few]], T0)).toMatchObject({ ok: false, rule: few })
      expect(await store.usesOf('ann', [few, daily], T0)).toEqual([20, 1])
    })

    test('a clock that went back counts what is in its future', async () => {
      const { store } = await open()
      await times(store, 20, few, T0 + HOUR)
      expect((await store.chargeUses('ann', [[few]], T0)).ok).toBe(false)
    })

    test('a sweep forgets what no rule counts any more, and nothing else', async () => {
      const { store } = await open()
      await times(store, 3, few)
      await times(store, 3, daily)
      await store.sweep(T0 + HOUR)
      expect(await store.usesOf('ann', [few, daily], T0)).toEqual([0, 3])
    })

    test('a request that is opened is counted once; one that is joined is not, and none is opened beyond the rate', async () => {
      const { store } = await open()
      const once = { ...few, limit: 1 }
      const asks = (digest: string) => {
        const candidate = anApproval({ id: newId('apr', T0), digest: digestNamed(digest) })
        return store.openOrJoin(candidate, { ...terms, charges: [[once]] }, { maxPendingPerCaller: 5 }, T0)
      }
      const { key } = anApproval().caller
      expect(await asks('a')).toMatchObject({ ok: true, opened: true })
      expect(await asks('a')).toMatchObject({ ok: true, opened: false })
      expect(await asks('b')).toMatchObject({ ok: false, code: 'ERR_POLICY_RATE', charged: { freeAt: T0 + HOUR } })
      expect(await store.usesOf(key, [once], T0)).toEqual([1])
      expect(await store.list(['pending'], 10)).toHaveLength(1)
    })

    test('a request that is refused for another reason is not counted', async () => {
      const { store } = await open()
      const candidate = anApproval({ id: newId('apr', T0) })
      const refused = await store.openOrJoin(candidate, { ...terms, charges: [[few]] }, { maxPendingPerCaller: 0 }, T0)
      expect(refused).toMatchObject({ ok: false, code: 'ERR_APPROVAL_LIMIT' })
      expect(await store.usesOf(candidate.caller.key, [few], T0)).toEqual([0])
    })
  })
}
