import type { Constraints, Decision, Json, MaskedText } from '../call.ts'
import type { Approval, Author, ShownRequest, VoteSurface } from './approval.ts'
import { type RequestTerms, stillAnswers } from './openOrJoin.ts'
import { pendingRecord } from './pendingRecord.ts'
import { moved, type Refusal, type Transition } from './transitions.ts'
import { type Admission, refuseClosed, refuseVoter } from './vote.ts'

/** Changes of one reviewer within the window below. Each one asks others to read something. */
const MODIFICATIONS_PER_HOUR = 20
/** Over what time `MODIFICATIONS_PER_HOUR` counts. */
export const MODIFICATION_WINDOW_MS = 3_600_000

/** A changed call, understood and decided anew as a call of the same caller. */
export interface Rejudged {
  readonly args: Json
  readonly digest: string
  readonly decision: Decision
  readonly constraints: Constraints
  readonly labels: Readonly<Record<string, string>>
  readonly connectionVersion: string | undefined
  readonly shown: Omit<ShownRequest, 'reason'>
}

/**
 * Judges a changed call as if the caller of this request had sent it: arguments, policy, target, preview. Executes
 * nothing. Throws a GateError for what the tool refuses; a denial of policy is in the decision.
 */
export type Rejudge = (approval: Approval, args: Json) => Promise<Rejudged>

/** What the store knows when a change arrives. Read in the same transaction. */
export interface ModifyPrecedents {
  /** The most recent request of the same caller for what the changed one asks for, or what took its place. */
  readonly latest: Approval | undefined
  /** Requests that this author changed within the window. */
  readonly recent: number
}

export type Modified =
  | { readonly ok: true; readonly parent: Transition & { readonly ok: true }; readonly child: Approval }
  | Refusal

/** Whether this person may change this request now. */
export function mayModify(parent: Approval, admission: Admission, digest: string, now: number): Refusal | undefined {
  const refusal = refuseVoter(parent, admission)
  if (refusal !== undefined) return refusal
  if (parent.digest !== digest) return { ok: false, code: 'ERR_VOTE_DIGEST' }
  const closed = refuseClosed(parent, now)
  if (closed !== undefined) return closed
  return parent.caller.roles === undefined ? { ok: false, code: 'ERR_MODIFY_OLD' } : undefined
}

/**
 * pending -> modified, with the request that takes its place: both in one atomic update, or neither. What the agent has
 * asked for itself, and what still answers it, is not opened a second time under another author.
 */
export function modify(
  parent: Approval,
  change: { readonly child: Approval; readonly admission: Admission; readonly digest: string },
  { latest, recent }: ModifyPrecedents,
  now: number,
): Modified {
  const { child, admission, digest } = change
  const refusal = mayModify(parent, admission, digest, now)
  if (refusal !== undefined) return refusal
  // Before anything is said of the digest: whether it is the same would tell a guess at what is hidden, over and over.
  if (recent >= MODIFICATIONS_PER_HOUR) return { ok: false, code: 'ERR_MODIFY_RATE' }
  if (child.digest === parent.digest) return { ok: false, code: 'ERR_MODIFY_NOTHING' }
  if (latest !== undefined && latest.id !== parent.id && stillAnswers(latest, undefined, now)) {
    const { id, state } = latest
    return { ok: false, code: 'ERR_MODIFY_EXISTS', detail: `It is ${id}, ${state}.`, facts: { exists: id, state } }
  }
  const { modification } = child
  if (modification === undefined) throw new TypeError('a changed request names its author')
  const { author, via, note } = modification
  const replacement = { id: child.id, by: author, via, note }
  const closed = { state: 'modified', replacement, settledAt: now, args: undefined } as const
  const transition = moved(parent, closed, now, 'modified')
  if (!transition.ok) return transition
  return {
    ok: true,
    parent: transition,
    child: { ...child, afterUnknown: latest?.state === 'unknown' ? latest.id : parent.afterUnknown },
  }
}

interface Writing {
  readonly author: Author
  readonly via: VoteSurface
  readonly note: MaskedText | undefined
}

/** The request that takes the place of another: the agent's call as a reviewer wrote it, with a life of its own. */
export function modifiedApproval(
  parent: Approval,
  judged: Rejudged,
  { author, via, note }: Writing,
  terms: RequestTerms,
  claimWithinMs: number,
  now: number,
): Approval {
  const { args, digest, constraints, labels, connectionVersion, shown } = judged
  const { id, callId, caller, agent, tool, connection, modification } = parent
  const earlier = modification?.authors.filter(({ person }) => person !== author.person) ?? []
  return {
    ...pendingRecord(judged.decision, terms, claimWithinMs, now),
    ...{ callId, caller, agent, tool, connection, labels, connectionVersion, digest, args, constraints },
    // Its own words, about what it asked for.
    shown: { ...shown, reason: parent.shown.reason },
    modification: {
      ...{ parent: id, author, via, note },
      before: parent.shown.fields,
      asked: modification?.asked ?? parent.shown.fields,
      authors: [...earlier, author],
    },
  }
}
