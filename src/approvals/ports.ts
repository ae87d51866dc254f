import type { Decision, Json, MaskedOutput, RatedRule } from '../call.ts'
import type { Charged } from './answerCharge.ts'
import type { Approval, ApprovalEvent, ApprovalState, Lease } from './approval.ts'
import type { AccountLinkStore } from './linkPorts.ts'
import type { Modified, ModifyPrecedents } from './modify.ts'
import type { OpenLimits, RequestTerms } from './openOrJoin.ts'
import type { RequestSummary } from './requestSummary.ts'
import type { Refusal, Transition } from './transitions.ts'

/**
 * Where approvals live. Durable: when a promise resolves, the change survives a crash. Every method that changes
 * something is atomic, also against other processes on the same store. Failures of the store itself throw ERR_STORE.
 * `now` is milliseconds since 1970, always passed in.
 */
export interface ApprovalStore {
  /**
   * Joins the caller's identical request, or opens this one (`answerOpen`, in one transaction) and counts the uses of
   * rules that this takes (`terms.charges`). `opened` tells which.
   */
  openOrJoin(candidate: Approval, terms: RequestTerms, limits: OpenLimits, now: number): Promise<OpenResult>
  get(id: string): Promise<Approval | undefined>
  /** The caller's most recent approval with this digest, or what took its place (`latestOf`). */
  latest(callerKey: string, digest: string): Promise<Approval | undefined>
  /** Newest first. */
  list(states: readonly ApprovalState[], limit: number): Promise<readonly Approval[]>
  /**
   * Applies a pure transition by compare-and-set on the version, together with its events. The transition may be
   * called more than once. Undefined when no such approval exists.
   */
  change(id: string, transition: (approval: Approval) => Transition): Promise<ChangeResult | undefined>
  /**
   * Closes a request and opens the one that takes its place: both, with their events, or neither. `decide` says which
   * (`modify`), from what is stored in the same transaction. Undefined when no such approval exists.
   */
  modify(
    id: string,
    child: Approval,
    decide: (parent: Approval, precedents: ModifyPrecedents) => Modified,
    now: number,
  ): Promise<ModifyResult | undefined>
  /**
   * Closes what is overdue, moves to others what waited for too long, and forgets results that were kept long enough.
   * Returns how many records changed.
   */
  sweep(now: number): Promise<number>
  /**
   * Forgets requests that were closed before this moment and are in the trail, with their events and deliveries. One
   * whose replacement is still there stays with it. Returns how many are gone.
   */
  forgetClosed(before: number): Promise<number>
  /** Of the requests made since then, newest first. */
  summariesSince(since: number, limit: number): Promise<readonly RequestSummary[]>
  /**
   * Resolves with the record as soon as its version differs from `version`, somebody is revoked, `ms` have passed, or
   * the signal aborts; whichever is first. Never rejects because of the signal.
   */
  waitForChange(id: string, version: number, ms: number, signal: AbortSignal): Promise<Approval | undefined>
}

type OpenResult =
  | { readonly ok: true; readonly approval: Approval; readonly opened: boolean }
  | { readonly ok: false; readonly code: 'ERR_APPROVAL_LIMIT' | 'ERR_APPROVAL_RATE' }
  | { readonly ok: false; readonly code: 'ERR_POLICY_RATE'; readonly charged: Charged & { readonly ok: false } }

type ModifyResult = { readonly ok: true; readonly child: Approval } | Refusal

type ChangeResult = { readonly ok: true; readonly approval: Approval; readonly changed: boolean } | Refusal

/**
 * Events wait here until a consumer has them safely: written in the transaction of the change they tell, handed out in
 * order, forgotten by nobody. A crash between hearing and acknowledging repeats an event; id + version recognise it.
 */
export interface EventOutbox {
  pendingEvents(consumer: EventConsumer, limit: number): Promise<readonly StoredEvent[]>
  acknowledge(consumer: EventConsumer, upTo: number): Promise<void>
  /** A consumer without a place yet gets the one after the last event: it hears what comes. Others keep theirs. */
  startFromNow(consumer: EventConsumer): Promise<void>
}

/** The trail, and each surface that tells people by itself: one that is down does not hold up another. */
export type EventConsumer = 'trail' | `notifier:${string}`

export interface StoredEvent {
  /** Position in the outbox; grows. */
  readonly position: number
  readonly event: ApprovalEvent
  /** The record as it is now, which may be later than the event. */
  readonly approval: Approval
}

/** Where a surface shows one request, and how much of its life is shown there. One a surface and request. */
export interface Delivery {
  readonly surface: string
  readonly approvalId: string
  /** Channel, address: the surface's own word for where. */
  readonly place: string
  /** The surface's own id of the message. Undefined: it was attempted, and nobody knows whether it arrived. */
  readonly message: string | undefined
  /** Version of the record that the message shows. */
  readonly drawn: number
  /** Version of the last event that was told apart from the message, in its thread. */
  readonly told: number
  readonly reminded: boolean
}

/** What surfaces remember about the requests they have shown. */
export interface DeliveryStore {
  saveDelivery(delivery: Delivery): Promise<void>
  findDelivery(surface: string, approvalId: string): Promise<Delivery | undefined>
  /**
   * Whether `holder` may tell people through this surface until `now + ms`: one process at a time. Asking again
   * prolongs the turn; 0 ms gives it up.
   */
  takeTurn(surface: string, holder: string, ms: number, now: number): Promise<boolean>
}

/**
 * Which run of which gateway instance may execute. A new run of the same replica ends the old one's lease at once; a
 * run that stops renewing loses it when the time is over.
 */
export interface LeaseStore {
  acquireLease(replica: string, ms: number, now: number): Promise<Lease>
  /** False when another run took the replica's name or the lease ran out: this process must stop executing. */
  renewLease(lease: Lease, ms: number, now: number): Promise<boolean>
  isLeaseLive(lease: Lease, now: number): Promise<boolean>
  /** Executions whose run is dead: seize each, look up its outcome, settle it. */
  orphans(now: number): Promise<Orphans>
}

interface Orphans {
  readonly approvals: readonly Approval[]
  readonly writes: readonly IdempotentWrite[]
}

/** An allowed write that named an `idempotency_key`: runs once per caller and key. */
export interface IdempotentWrite {
  readonly callerKey: string
  readonly key: string
  readonly digest: string
  readonly callId: string
  readonly connection: string
  readonly state: 'executing' | 'executed' | 'failed' | 'unknown'
  readonly lease: Lease
  readonly outcomeRef: Json | undefined
  readonly output: MaskedOutput | undefined
  readonly startedAt: number
  readonly settledAt: number | undefined
}

export interface IdempotencyStore {
  /**
   * Records the write as executing, unless this caller has used the key within 24 h: then that record is returned and
   * nothing changes. A failed write may be tried again under the same key and digest.
   */
  beginWrite(write: IdempotentWrite, now: number): Promise<{ readonly begun: boolean; readonly write: IdempotentWrite }>
  findWrite(callerKey: string, key: string): Promise<IdempotentWrite | undefined>
  /** Changes the record if `lease` holds it and it is executing; false when it does not. */
  changeWrite(
    callerKey: string,
    key: string,
    lease: Lease,
    change: Partial<Pick<IdempotentWrite, 'state' | 'lease' | 'outcomeRef' | 'output' | 'settledAt'>>,
  ): Promise<boolean>
}

export type RevocationKind = 'caller' | 'app' | 'blueprint' | 'person'

export interface RevocationKey {
  readonly kind: RevocationKind
  readonly id: string
}

export interface Revocation extends RevocationKey {
  readonly number: number
  readonly by: string
  readonly reason: string | undefined
  readonly at: number
  readonly undoneBy: string | undefined
  readonly undoneAt: number | undefined
}

/** The kill switch. Read at every call, vote and take. */
export interface RevocationStore {
  /** Revoking what is revoked already returns that entry. */
  revoke(key: RevocationKey, by: string, reason: string | undefined, now: number): Promise<Revocation>
  /** Undefined when no such entry is in force. */
  undoRevocation(number: number, by: string, now: number): Promise<Revocation | undefined>
  /** Newest first, undone ones included. */
  revocations(): Promise<readonly Revocation[]>
  /** The first entry in force for any of the keys. */
  findRevoked(keys: readonly RevocationKey[]): Promise<Revocation | undefined>
}

/**
 * Uses of rules with a rate, for each caller by itself. Every replica counts in the same place, and a restart forgets
 * nothing. A use counts for as long as the time of its rule.
 */
export interface UseStore {
  /** How often this caller has used each rule within its time, in their order. */
  usesOf(callerKey: string, rules: readonly RatedRule[], now: number): Promise<readonly number[]>
  /** Counts what a call uses (`answerCharge`): all of it, or nothing. */
  chargeUses(callerKey: string, charges: Decision['charges'], now: number): Promise<Charged>
}

/** Last known head of a replica's trail, so that a cut tail is noticed. */
export interface TrailHead {
  readonly file: string
  readonly seq: number
  readonly hash: string
}

interface TrailHeadStore {
  /** Never goes back: a head with a smaller `seq` than the stored one is ignored. */
  saveHead(replica: string, head: TrailHead): Promise<void>
  loadHead(replica: string): Promise<TrailHead | undefined>
  /** Of every replica that ever had one. */
  heads(): Promise<readonly (TrailHead & { readonly replica: string })[]>
}

/** Everything the gateway must remember across restarts, in one place. */
export interface StateStore
  extends ApprovalStore,
    EventOutbox,
    DeliveryStore,
    LeaseStore,
    IdempotencyStore,
    RevocationStore,
    UseStore,
    AccountLinkStore,
    TrailHeadStore {
  /** Set when what is stored is lost with the process: said at start, refused beyond loopback. */
  readonly forgets: boolean
  close(): Promise<void>
}
