import type { Decision } from '../call.ts'
import type { Approval, Need, ShownPreview } from './approval.ts'
import { expire, isOverdue, type Transition, withdraw } from './transitions.ts'

/** How long a result is kept for a repeat of the same call. */
export const RESULT_KEPT_MS = 24 * 3_600_000

/** How long a denial answers the same call again, so that an agent cannot wear reviewers down. */
export const DENIAL_REMEMBERED_MS = 15 * 60_000

/** Requests of one caller that may reach reviewers within a minute. Withdrawing does not reset it. */
export const REQUESTS_PER_MINUTE = 10

/** Over what time `REQUESTS_PER_MINUTE` counts. */
export const REQUEST_WINDOW_MS = 60_000

export interface OpenLimits {
  readonly maxPendingPerCaller: number
}

/** What the store knows about the caller and this digest when a request arrives. Read in the same transaction. */
export interface Precedents {
  /** Of the call that asks now. */
  readonly digest: string
  /** The most recent approval of the same caller and digest, or what took its place. */
  readonly latest: Approval | undefined
  /** Approvals of the caller that are pending and not overdue. What reviewers wrote is not the caller's. */
  readonly pending: number
  /** Approvals that the caller opened within the last minute. */
  readonly recent: number
}

export type OpenAnswer =
  /** The same request exists, in whatever state: that record answers. */
  | { readonly kind: 'join'; readonly approval: Approval }
  /** A new request is made. `close` is the change to the older record that makes room for it. */
  | { readonly kind: 'open'; readonly close: Transition | undefined; readonly afterUnknown: string | undefined }
  | { readonly kind: 'refuse'; readonly code: 'ERR_APPROVAL_LIMIT' | 'ERR_APPROVAL_RATE' }

/** Decides whether a gated call joins an existing request or makes a new one. Pure; stores run it in a transaction. */
export function answerOpen(
  terms: RequestTerms,
  { digest, latest, pending, recent }: Precedents,
  limits: OpenLimits,
  now: number,
): OpenAnswer {
  const joined = latest !== undefined && stillAnswers(latest, termsFor(latest, digest, terms), now)
  if (joined) return { kind: 'join', approval: latest }
  const close = latest === undefined ? undefined : closeOld(latest, now)
  const freed = latest?.state === 'pending' && close !== undefined && !isOverdue(latest, now) ? 1 : 0
  if (pending - freed >= limits.maxPendingPerCaller) return { kind: 'refuse', code: 'ERR_APPROVAL_LIMIT' }
  if (recent >= REQUESTS_PER_MINUTE) return { kind: 'refuse', code: 'ERR_APPROVAL_RATE' }
  return { kind: 'open', close, afterUnknown: latest?.state === 'unknown' ? latest.id : undefined }
}

/** Whether a preview shows everything it set out to show: where policy requires one, a part of it is not enough. */
export function isComplete(preview: ShownPreview | undefined): boolean {
  return preview !== undefined && preview.missing.length === 0
}

/** What policy asks of an approval now. */
export interface RequestTerms {
  readonly needs: readonly Need[]
  readonly ttlMs: number
  readonly previewRequired: boolean
  readonly reasonRequired: boolean
  /** What opening the request uses up of rules with a rate. A request that is joined has paid already. */
  readonly charges?: Decision['charges']
  /** Who is asked next when nobody has decided after a while. */
  readonly escalation?: { readonly afterMs: number; readonly to: readonly Need[] } | undefined
}

/** What a reviewer wrote in the place of a call was judged for itself: the terms of that call say nothing about it. */
export function termsFor(found: Approval, digest: string, terms: RequestTerms): RequestTerms | undefined {
  return found.digest === digest ? terms : undefined
}

/** Whether policy asks for more now than the approval was asked under. */
export function isStricter(approval: Approval, terms: RequestTerms): boolean {
  const { escalated, needs: asked } = approval
  const needs = escalated?.from ?? asked
  const covered = (need: Need) => needs.some((had) => had.set === need.set && had.atLeast >= need.atLeast)
  // It was decided by others than policy names first: policy must still send it to them.
  const decides = (need: Need) => asked.some((had) => had.set === need.set && had.atLeast >= need.atLeast)
  const movedAway = escalated !== undefined && terms.escalation?.to.every(decides) !== true
  return (
    terms.needs.length === 0 ||
    movedAway ||
    !terms.needs.every(covered) ||
    terms.ttlMs < approval.ttlMs ||
    (terms.previewRequired && !isComplete(approval.shown.preview)) ||
    (terms.reasonRequired && approval.shown.reason === undefined)
  )
}

/** Whether a request that exists answers the same call again. `terms`: what policy asks of it now, where it was asked. */
export function stillAnswers(latest: Approval, terms: RequestTerms | undefined, now: number): boolean {
  const settledFor = now - (latest.settledAt ?? now)
  switch (latest.state) {
    case 'pending':
    case 'approved':
      return !isOverdue(latest, now) && (terms === undefined || !isStricter(latest, terms))
    case 'executing':
      return true
    case 'executed':
      return settledFor < RESULT_KEPT_MS
    case 'denied':
      return settledFor < DENIAL_REMEMBERED_MS
    case 'failed':
    case 'expired':
    case 'withdrawn':
    // What took its place is looked at instead.
    case 'modified':
    // People may decide to try again after an unknown outcome; they are told (`afterUnknown`).
    case 'unknown':
      return false
  }
}

function closeOld(latest: Approval, now: number): Transition | undefined {
  if (latest.state !== 'pending' && latest.state !== 'approved') return undefined
  return isOverdue(latest, now) ? expire(latest, now) : withdraw(latest, 'policy', now)
}
