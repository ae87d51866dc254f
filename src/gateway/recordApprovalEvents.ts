import type { Approval, ApprovalEvent, Vote, VoteSurface } from '../approvals/approval.ts'
import type { RecordEvent } from '../approvals/recordEvents.ts'
import { callerToFields } from '../audit/describe.ts'
import type { TrailEvent } from '../audit/event.ts'
import type { Trail } from '../audit/trail.ts'

const VIA = { api: 'api', terminal: 'cli', slack: 'slack', console: 'console' } as const satisfies Record<
  VoteSurface,
  string
>

/** Writes what happens to approvals into the trail. Resolves when it is durable there. */
export function recordApprovalEvents(trail: Trail, nameGroup: (id: string) => string): RecordEvent {
  return async (event, approval) => {
    const told = toTrailEvent(event, approval, nameGroup)
    if (told !== undefined) await trail.append(told)
  }
}

function toTrailEvent(
  event: ApprovalEvent,
  approval: Approval,
  nameGroup: (id: string) => string,
): TrailEvent | undefined {
  const about = { approval: approval.id, call: approval.callId }
  switch (event.kind) {
    case 'requested':
      return { event: 'approval.requested', ...about, ...requestOf(approval, nameGroup) }
    case 'voted':
    case 'decided':
      return { event: 'approval.decided', ...about, ...voteOf(event, approval), digest: approval.digest }
    case 'modified': {
      if (approval.replacement === undefined) throw new TypeError(`nothing took the place of ${approval.id}`)
      const { id, by, via, note } = approval.replacement
      const who = { by: { oid: by.subject, name: by.name }, via: VIA[via] }
      return { event: 'approval.modified', ...about, ...who, to: id, reason: note, digest: approval.digest }
    }
    case 'escalated':
      return {
        event: 'approval.escalated',
        ...about,
        to: approval.escalation?.to.map(({ set }) => set).join(', ') ?? '',
      }
    case 'expired':
      return { event: 'approval.expired', ...about, why: approval.claimBy === undefined ? 'ttl' : 'claim' }
    case 'withdrawn':
      return { event: 'approval.withdrawn', ...about }
    // The call that ran has said it: call.finished.
    case 'settled':
      return undefined
  }
}

function requestOf(
  { caller, shown, tool, connection, digest, needs, expiresAt, modification, escalated }: Approval,
  nameGroup: (id: string) => string,
) {
  const { lines = [], missing = [] } = shown.preview ?? {}
  return {
    caller: callerToFields(
      { ...caller, roles: caller.roles ?? [], tokenId: undefined, expiresAt: new Date(expiresAt) },
      nameGroup,
    ),
    tool,
    connection,
    request: Object.fromEntries(shown.fields.map(({ name, text }) => [name, text])),
    digest,
    reviewers: (escalated?.from ?? needs).map(({ set, atLeast }) => (atLeast === 1 ? set : `${set} x${atLeast}`)),
    preview: [...lines, ...missing],
    reason: shown.reason,
    ...(modification !== undefined && {
      instead_of: modification.parent,
      author: { oid: modification.author.subject, name: modification.author.name },
    }),
    expires_at: new Date(expiresAt).toISOString(),
  }
}

function voteOf({ kind, vote }: ApprovalEvent, approval: Approval) {
  if (vote === undefined) throw new TypeError(`the ${kind} event of ${approval.id} has no vote`)
  return {
    by: { oid: vote.subject, name: vote.name },
    via: VIA[vote.via],
    vote: vote.verdict,
    state: stateAfter(kind, vote),
    reason: vote.reason,
  }
}

/** The record may have moved on since; the event itself says what the vote did. */
function stateAfter(kind: ApprovalEvent['kind'], vote: Vote): 'pending' | 'approved' | 'denied' {
  if (kind === 'voted') return 'pending'
  return vote.verdict === 'approve' ? 'approved' : 'denied'
}
