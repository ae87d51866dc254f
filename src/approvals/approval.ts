import type { Caller, Constraints, Json, MaskedOutput, MaskedText, MaskNote, Operation, Verdict } from '../call.ts'
import type { ErrorCode } from '../errors.ts'

/**
 * The durable record of one request for approval, whatever surface shows it. Plain JSON data; all times are
 * milliseconds since 1970. Changed only by the pure functions in vote.ts and transitions.ts.
 */
export interface Approval {
  /** `apr_` + 26 characters. A name, not a key: knowing it grants nothing. */
  readonly id: string
  /** Grows by one with every change; what compare-and-set compares. */
  readonly version: number
  readonly state: ApprovalState
  /** The call that asked first. */
  readonly callId: string
  readonly caller: ApprovalCaller
  readonly agent: { readonly name: string | undefined; readonly version: string | undefined }
  readonly tool: string
  readonly connection: string
  readonly labels: Readonly<Record<string, string>>
  /** The settings of the connection, under which the result is masked. */
  readonly connectionVersion?: string | undefined
  /** What was approved, exactly: see digest.ts. */
  readonly digest: string
  /**
   * The true arguments, so that await_approval can judge and run them again. They may hold protected values: they
   * leave the record when it is closed and are never shown.
   */
  readonly args: Json | undefined
  readonly operations: readonly Operation[]
  readonly verdicts: readonly Verdict[]
  readonly policyVersion: string
  readonly constraints: Constraints
  readonly shown: ShownRequest
  /** Every one must be satisfied. Empty means that nobody can approve. */
  readonly needs: readonly Need[]
  readonly votes: readonly Vote[]
  readonly createdAt: number
  /** pending -> expired. */
  readonly expiresAt: number
  readonly ttlMs: number
  readonly claimWithinMs: number
  /** approved -> expired. Set by the deciding vote. */
  readonly claimBy: number | undefined
  /** Who withdrew it: the caller, or the gateway because policy became stricter. */
  readonly withdrawnBy: 'caller' | 'policy' | undefined
  /** Who executes it, and for which call. */
  readonly lease: Lease | undefined
  readonly takenBy: string | undefined
  readonly takenAt: number | undefined
  /** By what the outcome can be looked up at the target. Durable before the change becomes permanent. */
  readonly outcomeRef: Json | undefined
  readonly settledAt: number | undefined
  /** The masked result, for as long as it is kept. */
  readonly output: MaskedOutput | undefined
  readonly failure: { readonly code: ErrorCode; readonly detail: string | undefined } | undefined
  /** An earlier identical request whose outcome nobody knows. Reviewers are warned: it may have run already. */
  readonly afterUnknown: string | undefined
  /** Set when a reviewer wrote this request, in place of one of the agent's. */
  readonly modification?: Modification | undefined
  /** State `modified`: what took its place. */
  readonly replacement?: Replacement | undefined
  /** When the request moves to other reviewer sets, if nobody has decided by then. */
  readonly escalation?: { readonly at: number; readonly to: readonly Need[] } | undefined
  /** It has moved: who was asked before. */
  readonly escalated?: { readonly at: number; readonly from: readonly Need[] } | undefined
}

/** Who changed a request, and what it was before. */
export interface Modification {
  /** The request whose place it takes. */
  readonly parent: string
  readonly author: Author
  readonly via: VoteSurface
  /** Why, in the author's words. */
  readonly note: MaskedText | undefined
  /** The parent as reviewers saw it. */
  readonly before: readonly ShownField[]
  /** What the agent itself had asked for. */
  readonly asked: readonly ShownField[]
  /** Everybody who wrote a part of it: of this one, and of those before it. None of them may approve it. */
  readonly authors: readonly Author[]
}

/** A reviewer who writes. */
export interface Author {
  /** provider + tenant + subject. */
  readonly person: string
  readonly subject: string
  /** For display only. */
  readonly name: string | undefined
}

export interface Replacement {
  readonly id: string
  readonly by: Author
  readonly via: VoteSurface
  readonly note: MaskedText | undefined
}

export type ApprovalState =
  | 'pending'
  | 'approved'
  | 'denied'
  | 'expired'
  | 'withdrawn'
  | 'modified'
  | 'executing'
  | 'executed'
  | 'failed'
  | 'unknown'

/** The verified principal, without what is only true of one token. */
export interface ApprovalCaller
  extends Pick<
    Caller,
    'key' | 'provider' | 'kind' | 'tenant' | 'subject' | 'app' | 'name' | 'groups' | 'person' | 'blueprint'
  > {
  /** For policy, when a reviewer's change is judged. Absent in records that an older version wrote. */
  readonly roles?: readonly string[]
}

/** What reviewers read. Everything the agent or the target wrote went through masking. */
export interface ShownRequest {
  readonly fields: readonly ShownField[]
  /** The agent's own words. Unverified. */
  readonly reason: MaskedText | undefined
  readonly preview: ShownPreview | undefined
  readonly masked: readonly MaskNote[]
}

export interface ShownField {
  readonly name: string
  readonly text: MaskedText
  /** How it is coloured: `sql`, `shell`, `diff`. */
  readonly language?: string
  /** Whether something in it is hidden. */
  readonly masked: boolean
}

export interface ShownPreview {
  readonly rows: number | undefined
  readonly lines: readonly MaskedText[]
  readonly sample:
    | { readonly columns: readonly MaskedText[]; readonly rows: readonly (readonly MaskedText[])[] }
    | undefined
  /** Diffs, manifests, lists of commits. */
  readonly texts?: readonly { readonly title: MaskedText; readonly text: MaskedText; readonly language: string }[]
  readonly missing: readonly MaskedText[]
}

/** One reviewer set and how many different people of it must approve, as it was when the request was made. */
export interface Need {
  readonly set: string
  readonly atLeast: number
}

export interface Vote {
  /** provider + tenant + subject. One human, one vote. */
  readonly person: string
  readonly subject: string
  /** For display only. */
  readonly name: string | undefined
  readonly verdict: 'approve' | 'deny'
  readonly via: VoteSurface
  readonly reason: MaskedText | undefined
  /** The reviewer sets this vote counts for: membership at the moment of the click. */
  readonly sets: readonly string[]
  readonly at: number
}

export type VoteSurface = 'api' | 'terminal' | 'slack' | 'console'

/** One run of one gateway instance. A restart is a new epoch, so the old run's executions are recognisably dead. */
export interface Lease {
  readonly replica: string
  readonly epoch: number
}

/** Something the trail and the notifiers must hear of. Stored in the same transaction as the change it tells. */
export interface ApprovalEvent {
  /** `settled`: it ran, and was executed, failed, or has an unknown outcome. */
  readonly kind: 'requested' | 'voted' | 'decided' | 'modified' | 'escalated' | 'expired' | 'withdrawn' | 'settled'
  readonly approvalId: string
  /** Version of the record after the change. With the id it names the event: repeats can be recognised. */
  readonly version: number
  readonly at: number
  readonly vote: Vote | undefined
}

/** The part of a caller that outlives its token. */
export function approvalCallerOf(caller: Caller): ApprovalCaller {
  const { key, provider, kind, tenant, subject, app, name, groups, person, blueprint, roles } = caller
  return { key, provider, kind, tenant, subject, app, name, groups, person, blueprint, roles }
}

/** Whether distinct people of every needed set approved. No needs means never. */
export function isSatisfied(needs: readonly Need[], votes: readonly Vote[]): boolean {
  return needs.length > 0 && needs.every((need) => approvalsFor(need, votes) >= need.atLeast)
}

/** How many different people of one set have approved. */
export function approvalsFor(need: Need, votes: readonly Vote[]): number {
  const people = votes.filter((vote) => vote.verdict === 'approve' && vote.sets.includes(need.set))
  return new Set(people.map((vote) => vote.person)).size
}

/** The vote that decided, when people have decided. */
export function decidingVote(approval: Approval): Vote | undefined {
  return approval.votes.findLast((vote) => vote.verdict === 'deny') ?? approval.votes.at(-1)
}
