import type { Json, MaskedOutput } from '../call.ts'
import type { ErrorCode } from '../errors.ts'
import { type Approval, type ApprovalEvent, isSatisfied, type Lease, type Vote } from './approval.ts'

/**
 * The life of an approval as pure functions: (approval, event, now) -> the next approval, or a refusal that changes
 * nothing. Stores run them inside one atomic update, and may run them again when they lose a race.
 *
 *     pending --vote--> approved --take--> executing --settle--> executed | failed | unknown
 *        |--vote--> denied   |--expire--> expired (claim deadline)
 *        |--expire--> expired          pending, approved --withdraw--> withdrawn
 *        |--modify--> modified, and a new request takes its place (modify.ts)
 *        |--escalate--> pending, decided by other people
 */
export type Transition =
  | { readonly ok: true; readonly approval: Approval; readonly events: readonly ApprovalEvent[] }
  | Refusal

export interface Refusal {
  readonly ok: false
  readonly code: ErrorCode
  readonly detail?: string
  readonly facts?: Readonly<Record<string, string | number | boolean>>
}

/** Nothing to do: the same request again has the same answer. */
export function unchanged(approval: Approval): Transition {
  return { ok: true, approval, events: [] }
}

/** The next version of the record, with the event that tells it. */
export function moved(
  approval: Approval,
  change: Partial<Approval>,
  at: number,
  kind?: ApprovalEvent['kind'],
  vote?: Vote,
): Transition {
  const next = { ...approval, ...change, version: approval.version + 1 }
  const events = kind === undefined ? [] : [{ kind, approvalId: next.id, version: next.version, at, vote }]
  return { ok: true, approval: next, events }
}

/** The event that tells of a request just made. */
export function requestedEvent({ id, version, createdAt }: Approval): ApprovalEvent {
  return { kind: 'requested', approvalId: id, version, at: createdAt, vote: undefined }
}

/** Whether its time is over although no sweep has closed it yet. */
export function isOverdue(approval: Approval, now: number): boolean {
  switch (approval.state) {
    case 'pending':
      return now >= approval.expiresAt
    case 'approved':
      return approval.claimBy === undefined || now >= approval.claimBy
    case 'denied':
    case 'expired':
    case 'withdrawn':
    case 'modified':
    case 'executing':
    case 'executed':
    case 'failed':
    case 'unknown':
      return false
  }
}

/** Closes an approval whose time is over; leaves every other one as it is. */
export function expire(approval: Approval, now: number): Transition {
  if (!isOverdue(approval, now)) return unchanged(approval)
  return moved(approval, { state: 'expired', settledAt: now, args: undefined }, now, 'expired')
}

/**
 * Moves a request that nobody decided in time to the people who are asked next, once. Votes so far stay on record and
 * count for no set any more, also not for one that is asked again.
 */
export function escalate(approval: Approval, now: number): Transition {
  const { escalation, state, needs } = approval
  if (!isToEscalate(approval) || isOverdue(approval, now)) return unchanged(approval)
  if (state !== 'pending' || escalation === undefined || now < escalation.at) return unchanged(approval)
  const votes = approval.votes.map((vote) => ({ ...vote, sets: [] }))
  return moved(approval, { needs: escalation.to, escalated: { at: now, from: needs }, votes }, now, 'escalated')
}

/** Whether it still waits for the time at which others are asked. */
export function isToEscalate({ state, escalation, escalated, expiresAt }: Approval): boolean {
  return state === 'pending' && escalation !== undefined && escalated === undefined && escalation.at < expiresAt
}

export interface TakeRequest {
  readonly callerKey: string
  /** Computed from what would run now. */
  readonly digest: string
  readonly lease: Lease
  readonly callId: string
  /** Person keys among the voters whom the kill switch has stopped: their votes no longer count. */
  readonly revokedPeople: readonly string[]
}

/** approved -> executing, once. The only way an approval becomes an execution. */
export function take(approval: Approval, request: TakeRequest, now: number): Transition {
  if (approval.caller.key !== request.callerKey) return { ok: false, code: 'ERR_APPROVAL_UNKNOWN' }
  switch (approval.state) {
    case 'pending':
      return { ok: false, code: isOverdue(approval, now) ? 'ERR_APPROVAL_EXPIRED' : 'ERR_APPROVAL_PENDING' }
    case 'denied':
      return { ok: false, code: 'ERR_APPROVAL_DENIED' }
    case 'expired':
      return { ok: false, code: 'ERR_APPROVAL_EXPIRED' }
    case 'withdrawn':
      return { ok: false, code: 'ERR_APPROVAL_WITHDRAWN' }
    case 'modified':
      return { ok: false, code: 'ERR_APPROVAL_MODIFIED' }
    case 'executing':
    case 'executed':
    case 'failed':
    case 'unknown':
      return { ok: false, code: 'ERR_APPROVAL_TAKEN' }
    case 'approved':
      break
  }
  if (isOverdue(approval, now)) return { ok: false, code: 'ERR_APPROVAL_EXPIRED' }
  if (approval.digest !== request.digest) return { ok: false, code: 'ERR_APPROVAL_CHANGED' }
  const votes = approval.votes.filter((vote) => !request.revokedPeople.includes(vote.person))
  if (!isSatisfied(approval.needs, votes)) return { ok: false, code: 'ERR_APPROVAL_VOTE_REVOKED' }
  const { lease, callId } = request
  return moved(approval, { state: 'executing', lease, takenBy: callId, takenAt: now }, now)
}

/** Whether this run still holds the execution. A run that was taken over must not touch the target any more. */
export function isHeldBy(approval: Approval, lease: Lease): boolean {
  return (
    approval.state === 'executing' && approval.lease?.replica === lease.replica && approval.lease.epoch === lease.epoch
  )
}

/** Keeps by what the outcome can be looked up. Refused after a take-over: the holder must then not commit. */
export function noteOutcomeRef(approval: Approval, lease: Lease, outcomeRef: Json, now: number): Transition {
  if (!isHeldBy(approval, lease)) return { ok: false, code: 'ERR_LEASE_LOST' }
  return moved(approval, { outcomeRef }, now)
}

/** Hands an execution whose run is dead to the run that will look up its outcome. */
export function seize(approval: Approval, from: Lease, to: Lease, now: number): Transition {
  if (!isHeldBy(approval, from)) return { ok: false, code: 'ERR_LEASE_LOST' }
  return moved(approval, { lease: to }, now)
}

export type Outcome =
  | { readonly state: 'executed'; readonly output: MaskedOutput | undefined }
  | { readonly state: 'failed'; readonly code: ErrorCode; readonly detail: string | undefined }
  | { readonly state: 'unknown' }

/** executing -> executed, failed or unknown, by the run that holds it. The arguments leave the record. */
export function settle(approval: Approval, lease: Lease, outcome: Outcome, now: number): Transition {
  if (!isHeldBy(approval, lease)) return { ok: false, code: 'ERR_LEASE_LOST' }
  const closed = { settledAt: now, args: undefined }
  switch (outcome.state) {
    case 'executed':
      return moved(approval, { ...closed, state: 'executed', output: outcome.output }, now, 'settled')
    case 'failed':
      return moved(
        approval,
        { ...closed, state: 'failed', failure: { code: outcome.code, detail: outcome.detail } },
        now,
        'settled',
      )
    case 'unknown':
      return moved(approval, { ...closed, state: 'unknown' }, now, 'settled')
  }
}

/** The caller no longer wants it, or policy became stricter. Never stops what is running. */
export function withdraw(approval: Approval, by: 'caller' | 'policy', now: number): Transition {
  switch (approval.state) {
    case 'pending':
    case 'approved':
      if (isOverdue(approval, now)) return { ok: false, code: 'ERR_APPROVAL_EXPIRED' }
      return moved(approval, { state: 'withdrawn', withdrawnBy: by, settledAt: now, args: undefined }, now, 'withdrawn')
    case 'withdrawn':
      return unchanged(approval)
    case 'modified':
      return { ok: false, code: 'ERR_APPROVAL_MODIFIED' }
    case 'denied':
      return { ok: false, code: 'ERR_APPROVAL_DENIED' }
    case 'expired':
      return { ok: false, code: 'ERR_APPROVAL_EXPIRED' }
    case 'executing':
    case 'executed':
    case 'failed':
    case 'unknown':
      return { ok: false, code: 'ERR_APPROVAL_TAKEN' }
  }
}

/** Forgets a result that was kept long enough. */
export function forgetOutput(approval: Approval, now: number): Transition {
  return approval.output === undefined ? unchanged(approval) : moved(approval, { output: undefined }, now)
}
