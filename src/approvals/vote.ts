import type { MaskedText } from '../call.ts'
import { sameCase } from '../settings/sameCase.ts'
import { type Approval, decidingVote, isSatisfied, type Vote, type VoteSurface } from './approval.ts'
import { isOverdue, moved, type Refusal, type Transition, unchanged } from './transitions.ts'

/** A vote as it arrives, with what was looked up about the person at the moment of the click. */
export interface Ballot {
  readonly person: string
  readonly subject: string
  readonly name: string | undefined
  readonly verdict: 'approve' | 'deny'
  readonly via: VoteSurface
  /** The digest of the request that the person was shown. */
  readonly digest: string
  readonly reason: MaskedText | undefined
  /** Names of the reviewer sets that the person belongs to now. */
  readonly memberOf: readonly string[]
  /** Object ids or person keys of people who answer for this caller. */
  readonly owners: readonly string[]
  /** Other accounts of the same person, as configured: object ids or person keys. */
  readonly aliases?: readonly string[]
}

/** A person at a request: who they are and what they may, at the moment of the click. */
export type Admission = Pick<Ballot, 'person' | 'subject' | 'memberOf' | 'owners' | 'aliases'>

/**
 * Applies one vote. Deny decides at once; approve decides when every need is met by different people. Whoever is not
 * entitled is told only that, and learns nothing about the state of the request.
 */
export function vote(approval: Approval, ballot: Ballot, now: number): Transition {
  const refusal = refuseVoter(approval, ballot)
  if (refusal !== undefined) return refusal
  if (approval.digest !== ballot.digest) return { ok: false, code: 'ERR_VOTE_DIGEST' }
  if (ballot.verdict === 'approve' && isAuthor(approval, ballot)) return { ok: false, code: 'ERR_VOTE_AUTHOR' }
  const earlier = approval.votes.find((one) => one.person === ballot.person)
  // After an escalation the same person may count for those who are asked now.
  const countsAlready =
    approval.escalated === undefined || setsOf(approval, ballot).every((set) => earlier?.sets.includes(set) === true)
  if (earlier?.verdict === ballot.verdict && countsAlready) return unchanged(approval)

  const closed = refuseClosed(approval, now)
  if (closed !== undefined) return closed
  if (ballot.verdict === 'deny' && (ballot.reason === undefined || ballot.reason.trim() === '')) {
    return { ok: false, code: 'ERR_VOTE_REASON' }
  }
  return count(approval, ballot, now)
}

function count(approval: Approval, ballot: Ballot, now: number): Transition {
  const { person, subject, name, verdict, via, reason } = ballot
  const sets = setsOf(approval, ballot)
  const cast: Vote = { person, subject, name, verdict, via, reason, sets, at: now }
  // A person who approved and thinks better of it while others are still asked: the denial replaces the approval.
  const votes = [...approval.votes.filter((one) => one.person !== person), cast]
  if (verdict === 'deny') {
    return moved(approval, { votes, state: 'denied', settledAt: now, args: undefined }, now, 'decided', cast)
  }
  if (!isSatisfied(approval.needs, votes)) return moved(approval, { votes }, now, 'voted', cast)
  const claimBy = now + approval.claimWithinMs
  return moved(approval, { votes, state: 'approved', claimBy }, now, 'decided', cast)
}

/** Whether anything may still be decided. Who decided is told. */
export function refuseClosed(approval: Approval, now: number): Refusal | undefined {
  switch (approval.state) {
    case 'pending':
      return isOverdue(approval, now) ? { ok: false, code: 'ERR_VOTE_EXPIRED' } : undefined
    case 'expired':
      return { ok: false, code: 'ERR_VOTE_EXPIRED' }
    case 'approved':
    case 'denied':
    case 'withdrawn':
    case 'modified':
    case 'executing':
    case 'executed':
    case 'failed':
    case 'unknown':
      return alreadyDecided(approval)
  }
}

/** Whether this person wrote any of it, under whichever account. */
function isAuthor({ modification }: Approval, { person, subject, aliases = [] }: Ballot): boolean {
  const mine = [person, subject, ...aliases].map(sameCase)
  return (
    modification?.authors.some((one) => mine.includes(sameCase(one.person)) || mine.includes(sameCase(one.subject))) ??
    false
  )
}

function setsOf({ needs }: Approval, { memberOf }: Ballot): readonly string[] {
  return needs.map((need) => need.set).filter((set) => memberOf.includes(set))
}

/** Separation of duties, in the order in which it protects: nobody decides for themselves, whatever sets they are in. */
export function refuseVoter(approval: Approval, ballot: Admission): Refusal | undefined {
  const { caller } = approval
  if (ballot.person === caller.person || ballot.subject === caller.subject) {
    return { ok: false, code: 'ERR_VOTE_OWN_CALL' }
  }
  const owners = ballot.owners.map(sameCase)
  if (owners.includes(sameCase(ballot.subject)) || owners.includes(sameCase(ballot.person))) {
    return { ok: false, code: 'ERR_VOTE_OWNER' }
  }
  // An account that the caller answers for is the caller in another coat.
  const others = (ballot.aliases ?? []).map(sameCase)
  if ([caller.person, caller.subject].some((own) => own !== undefined && others.includes(sameCase(own)))) {
    return { ok: false, code: 'ERR_VOTE_OWN_CALL' }
  }
  if (!approval.needs.some((need) => ballot.memberOf.includes(need.set))) {
    return { ok: false, code: 'ERR_VOTE_NOT_REVIEWER' }
  }
  return undefined
}

function alreadyDecided(approval: Approval): Refusal {
  const last = decidingVote(approval)
  const by = last?.name ?? last?.subject
  const facts = { state: approval.state, ...(by !== undefined && { by }), ...(last && { at: last.at }) }
  if (approval.replacement !== undefined) {
    const { id, by: author } = approval.replacement
    const detail = `It was changed by ${author.name ?? author.subject}; ${id} took its place.`
    return { ok: false, code: 'ERR_VOTE_DECIDED', detail, facts: { ...facts, replaced_by: id } }
  }
  if (approval.state === 'withdrawn') return { ok: false, code: 'ERR_VOTE_DECIDED', detail: 'It was withdrawn.', facts }
  const verb = last?.verdict === 'deny' ? 'denied' : 'approved'
  return { ok: false, code: 'ERR_VOTE_DECIDED', detail: `It was ${verb} by ${by ?? 'a reviewer'}.`, facts }
}
