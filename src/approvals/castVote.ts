import type { MaskedText } from '../call.ts'
import { GateError } from '../errors.ts'
import { sameCase } from '../settings/sameCase.ts'
import type { Approval, VoteSurface } from './approval.ts'
import { type LookUpGroups, membershipOf, type Reviewer } from './membership.ts'
import type { ApprovalStore, EventOutbox, RevocationStore } from './ports.ts'
import { type RecordEvent, recordEvents } from './recordEvents.ts'
import { revocationKeysOfPerson } from './revocationKeys.ts'
import type { ApprovalRules } from './settings.ts'
import { type Admission, vote } from './vote.ts'

export interface VoteRequest {
  readonly approvalId: string
  readonly reviewer: Reviewer
  readonly verdict: 'approve' | 'deny'
  readonly via: VoteSurface
  /** The digest of the request that the person was shown. */
  readonly digest: string
  readonly reason: MaskedText | undefined
}

/** What voting needs from outside. */
export interface VotingBooth {
  readonly store: ApprovalStore & RevocationStore & EventOutbox
  readonly rules: () => ApprovalRules
  readonly lookUpGroups: LookUpGroups | undefined
  readonly recordEvent: RecordEvent
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

/**
 * Casts one vote: kill switch, membership now, separation of duties, then one atomic update. Repeating a vote is no
 * error (`changed: false`). Every refusal is a GateError; the decision is in the trail when this resolves.
 */
export async function castVote(
  request: VoteRequest,
  booth: VotingBooth,
): Promise<{ readonly approval: Approval; readonly changed: boolean }> {
  const { reviewer, approvalId, verdict, via, digest, reason } = request
  const { store } = booth
  const { admission } = await admitReviewer(approvalId, reviewer, booth)
  const ballot = { ...admission, name: reviewer.name, verdict, via, digest, reason }
  const result = await store.change(approvalId, (current) => vote(current, ballot, booth.clock()))
  if (result === undefined) throw new GateError('ERR_VOTE_UNKNOWN')
  if (!result.ok) throw new GateError(result.code, result)
  await recordEvents(store, booth.recordEvent)
  return result
}

/**
 * What is known of a person who wants to decide about a request: kill switch and membership, at this moment. Throws
 * ERR_REVOKED, ERR_VOTE_UNKNOWN, ERR_VOTE_MEMBERSHIP. Whether they may is for the transition to say.
 */
export async function admitReviewer(
  approvalId: string,
  reviewer: Reviewer,
  booth: Pick<VotingBooth, 'store' | 'rules' | 'lookUpGroups' | 'clock'>,
): Promise<{ readonly approval: Approval; readonly admission: Admission }> {
  const { store, clock, lookUpGroups } = booth
  const rules = booth.rules()
  await refuseRevokedPerson(reviewer, store)
  const approval = await store.get(approvalId)
  if (approval === undefined) throw new GateError('ERR_VOTE_UNKNOWN')
  const setNames = approval.needs.map((need) => need.set)
  const membership = await membershipOf(reviewer, setNames, rules, clock(), lookUpGroups)
  if (!membership.known) throw new GateError('ERR_VOTE_MEMBERSHIP')
  const { person, subject } = reviewer
  const owners = ownersOf(approval, rules)
  return {
    approval,
    admission: { person, subject, memberOf: membership.sets, owners, aliases: aliasesOf(reviewer, rules) },
  }
}

/** Throws ERR_REVOKED for a person whom an operator has stopped. */
export async function refuseRevokedPerson(reviewer: Reviewer, store: RevocationStore): Promise<void> {
  const revoked = await store.findRevoked(revocationKeysOfPerson(reviewer.person, reviewer.subject))
  if (revoked !== undefined) throw new GateError('ERR_REVOKED')
}

/** People who answer for the agent, under whichever of its names they are configured. */
function ownersOf(approval: Approval, rules: ApprovalRules): readonly string[] {
  const { key, subject, app, blueprint } = approval.caller
  const names = [key, subject, app, blueprint].flatMap((id) => (id === undefined ? [] : [sameCase(id)]))
  return [...rules.owners].flatMap(([agent, people]) => (names.includes(sameCase(agent)) ? people : []))
}

/** Accounts that answer for this one, and those it answers for: the author of a change is the same person in all of them. */
function aliasesOf({ person, subject }: Reviewer, { owners }: ApprovalRules): readonly string[] {
  const mine = [sameCase(person), sameCase(subject)]
  return [...owners].flatMap(([account, people]) => [
    ...(mine.includes(sameCase(account)) ? people : []),
    ...(people.some((one) => mine.includes(sameCase(one))) ? [account] : []),
  ])
}
