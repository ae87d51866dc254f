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
  /** The most recent approval of the same caller and digest. */
  readonly latest: Approval | undefined
  /** Approvals of the caller that are pending and not overdue. */
  readonly pending: number
  /** Approvals of the caller opened within the last minute. */
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
  { latest, pending, recent }: Precedents,
  limits: OpenLimits,
  now: number,
): OpenAnswer {
  const joined = latest !== undefined && stillAnswers(latest, terms, now)
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
}

/** Whether policy asks for more now than the approval was asked under. */
export function isStricter(approval: Approval, terms: RequestTerms): boolean {
  const covered = (need: Need) => approval.needs.some((had) => had.set === need.set && had.atLeast >= need.atLeast)
  return (
    terms.needs.length === 0 ||
    !terms.needs.every(covered) ||
    terms.ttlMs < approval.ttlMs ||
    (terms.previewRequired && !isComplete(approval.shown.preview)) ||
    (terms.reasonRequired && approval.shown.reason === undefined)
  )
}

/** Whether a request that exists answers the same call again. */
export function stillAnswers(latest: Approval, terms: RequestTerms, now: number): boolean {
  const settledFor = now - (latest.settledAt ?? now)
  switch (latest.state) {
    case 'pending':
    case 'approved':
      return !isOverdue(latest, now) && !isStricter(latest, terms)
    case 'executing':
      return true
    case 'executed':
      return settledFor < RESULT_KEPT_MS
    case 'denied':
      return settledFor < DENIAL_REMEMBERED_MS
    case 'failed':
    case 'expired':
    case 'withdrawn':
    // People may decide to try again after an unknown outcome; they are told (`afterUnknown`).
    case 'unknown':
      return false
  }
}

function closeOld(latest: Approval, now: number): Transition | undefined {
  if (latest.state !== 'pending' && latest.state !== 'approved') return undefined
  return isOverdue(latest, now) ? expire(latest, now) : withdraw(latest, 'policy', now)
}
