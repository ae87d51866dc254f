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
}

/**
 * Applies one vote. Deny decides at once; approve decides when every need is met by different people. Whoever is not
 * entitled is told only that, and learns nothing about the state of the request.
 */
export function vote(approval: Approval, ballot: Ballot, now: number): Transition {
  const refusal = refuseVoter(approval, ballot)
  if (refusal !== undefined) return refusal
  if (approval.digest !== ballot.digest) return { ok: false, code: 'ERR_VOTE_DIGEST' }
  const earlier = approval.votes.find((one) => one.person === ballot.person)
  if (earlier?.verdict === ballot.verdict) return unchanged(approval)

  switch (approval.state) {
    case 'pending':
      break
    case 'expired':
      return { ok: false, code: 'ERR_VOTE_EXPIRED' }
    case 'approved':
    case 'denied':
    case 'withdrawn':
    case 'executing':
    case 'executed':
    case 'failed':
    case 'unknown':
      return alreadyDecided(approval)
  }
  if (isOverdue(approval, now)) return { ok: false, code: 'ERR_VOTE_EXPIRED' }
  if (ballot.verdict === 'deny' && (ballot.reason === undefined || ballot.reason.trim() === '')) {
    return { ok: false, code: 'ERR_VOTE_REASON' }
  }
  return count(approval, ballot, now)
}

function count(approval: Approval, ballot: Ballot, now: number): Transition {
  const { person, subject, name, verdict, via, reason } = ballot
  const sets = approval.needs.map((need) => need.set).filter((set) => ballot.memberOf.includes(set))
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

/** Separation of duties, in the order in which it protects: nobody decides for themselves, whatever sets they are in. */
function refuseVoter(approval: Approval, ballot: Ballot): Refusal | undefined {
  const { caller } = approval
  if (ballot.person === caller.person || ballot.subject === caller.subject) {
    return { ok: false, code: 'ERR_VOTE_OWN_CALL' }
  }
  const owners = ballot.owners.map(sameCase)
  if (owners.includes(sameCase(ballot.subject)) || owners.includes(sameCase(ballot.person))) {
    return { ok: false, code: 'ERR_VOTE_OWNER' }
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
  if (approval.state === 'withdrawn') return { ok: false, code: 'ERR_VOTE_DECIDED', detail: 'It was withdrawn.', facts }
  const verb = last?.verdict === 'deny' ? 'denied' : 'approved'
  return { ok: false, code: 'ERR_VOTE_DECIDED', detail: `It was ${verb} by ${by ?? 'a reviewer'}.`, facts }
}
