import type { Json } from '../call.ts'
import { GateError } from '../errors.ts'
import type { Lease } from './approval.ts'
import type { ApprovalStore, IdempotencyStore, LeaseStore, RevocationKey, RevocationStore } from './ports.ts'
import { isHeldBy, noteOutcomeRef, type Outcome, seize, settle } from './transitions.ts'

/** What a cleared call holds while it runs. The pipeline checks it, notes the outcome reference, and settles it. */
export type Hold = { readonly keys: readonly RevocationKey[]; readonly lease: Lease } & (
  | { readonly kind: 'call' }
  | { readonly kind: 'approval'; readonly id: string }
  | { readonly kind: 'write'; readonly callerKey: string; readonly key: string }
)

export interface HoldStore {
  readonly store: ApprovalStore & IdempotencyStore & LeaseStore & RevocationStore
  readonly clock: () => number
}

/**
 * Asks once more, after the intent is durable and before the target is touched: not revoked meanwhile (ERR_REVOKED),
 * and still ours (ERR_LEASE_LOST). When this throws, nothing has run; settle the hold as failed.
 */
export async function checkHold(hold: Hold, { store, clock }: HoldStore): Promise<void> {
  if ((await store.findRevoked(hold.keys)) !== undefined) throw new GateError('ERR_REVOKED')
  if (!(await store.isLeaseLive(hold.lease, clock()))) throw new GateError('ERR_LEASE_LOST')
  switch (hold.kind) {
    case 'call':
      return
    case 'approval': {
      const approval = await store.get(hold.id)
      if (approval === undefined || !isHeldBy(approval, hold.lease)) throw new GateError('ERR_LEASE_LOST')
      return
    }
    case 'write':
      if (!(await store.changeWrite(hold.callerKey, hold.key, hold.lease, {}))) throw new GateError('ERR_LEASE_LOST')
      return
  }
}

/**
 * Makes the outcome reference durable. Throws ERR_LEASE_LOST when another run has taken over: the change must then not
 * be committed. A plain allowed call has no record here; its reference belongs in the trail.
 */
export async function keepOutcomeRef(hold: Hold, outcomeRef: Json, { store, clock }: HoldStore): Promise<void> {
  switch (hold.kind) {
    case 'call':
      return
    case 'approval': {
      const result = await store.change(hold.id, (approval) =>
        noteOutcomeRef(approval, hold.lease, outcomeRef, clock()),
      )
      if (result?.ok !== true) throw new GateError('ERR_LEASE_LOST')
      return
    }
    case 'write':
      if (!(await store.changeWrite(hold.callerKey, hold.key, hold.lease, { outcomeRef }))) {
        throw new GateError('ERR_LEASE_LOST')
      }
      return
  }
}

/** Closes the hold with what became of the call. ERR_LEASE_LOST when another run has closed it already. */
export async function settleHold(hold: Hold, outcome: Outcome, { store, clock }: HoldStore): Promise<void> {
  switch (hold.kind) {
    case 'call':
      return
    case 'approval': {
      const result = await store.change(hold.id, (approval) => settle(approval, hold.lease, outcome, clock()))
      if (result?.ok !== true) throw new GateError('ERR_LEASE_LOST')
      return
    }
    case 'write': {
      const output = outcome.state === 'executed' ? outcome.output : undefined
      const change = { state: outcome.state, output, settledAt: clock() }
      if (!(await store.changeWrite(hold.callerKey, hold.key, hold.lease, change)))
        throw new GateError('ERR_LEASE_LOST')
      return
    }
  }
}

/** An execution left behind by a run that is dead, now in our hands. */
export interface SeizedCall {
  readonly hold: Hold
  readonly callId: string
  readonly connection: string
  /** Undefined when the dead run never came so far as to commit, for tools that note one. */
  readonly outcomeRef: Json | undefined
}

/**
 * Takes over what dead runs left executing. From here on the dead run, should it wake, can neither note an outcome
 * reference nor settle. Look up each outcome at the target, then `settleHold`.
 */
export async function seizeOrphans(lease: Lease, { store, clock }: HoldStore): Promise<readonly SeizedCall[]> {
  const { approvals, writes } = await store.orphans(clock())
  const seized: SeizedCall[] = []
  for (const { id, connection, lease: from } of approvals) {
    if (from === undefined) continue
    const result = await store.change(id, (approval) => seize(approval, from, lease, clock()))
    if (result?.ok !== true) continue
    const { callId, takenBy, outcomeRef } = result.approval
    seized.push({ hold: { kind: 'approval', id, lease, keys: [] }, callId: takenBy ?? callId, connection, outcomeRef })
  }
  for (const { callerKey, key, callId, connection, lease: from } of writes) {
    if (!(await store.changeWrite(callerKey, key, from, { lease }))) continue
    const outcomeRef = (await store.findWrite(callerKey, key))?.outcomeRef
    seized.push({ hold: { kind: 'write', callerKey, key, lease, keys: [] }, callId, connection, outcomeRef })
  }
  return seized
}
