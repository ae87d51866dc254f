import * as z from 'zod'
import type { Json, MaskedText } from '../call.ts'
import { ERRORS, type ErrorCode, GateError } from '../errors.ts'
import type { Approval, ApprovalState } from './approval.ts'
import { castVote, refuseRevokedPerson, type VotingBooth } from './castVote.ts'
import { isApprovalId } from './isApprovalId.ts'
import { membershipOf, type Reviewer } from './membership.ts'
import { reviewViewOf } from './review.ts'
import { expire } from './transitions.ts'

/** A request on `/api/approvals`. The reviewer's token has been verified; nothing else has. */
export interface ApprovalsApiRequest {
  readonly method: string
  /** Path without query: `/api/approvals/apr_.../deny`. */
  readonly path: string
  readonly query: URLSearchParams
  /** The parsed JSON body; undefined when there is none. */
  readonly body: unknown
  readonly reviewer: Reviewer
}

export interface ApprovalsApiAnswer {
  readonly status: number
  readonly json: Json
}

/** What the reviewers' API needs from outside. */
export interface ReviewDesk extends VotingBooth {
  readonly maskText: (text: string) => MaskedText
  /** The configured name of a directory group, or the id itself. */
  readonly nameGroup?: (id: string) => string
  /** Puts a refused vote into the trail; awaited before the answer leaves. */
  readonly recordVoteRefused: (refused: RefusedVote) => Promise<void>
}

export interface RefusedVote {
  readonly approvalId: string
  readonly reviewer: Reviewer
  readonly verdict: 'approve' | 'deny'
  readonly code: ErrorCode
}

/** `denied` needs a reason; an approval may have one. The digest says which request was read. */
const voteBody = z.strictObject({
  digest: z.string().regex(/^hmac-sha256:[0-9a-f]{64}$/),
  reason: z.string().max(2_000).optional(),
})

const OPEN_STATES: readonly ApprovalState[] = ['pending', 'approved', 'executing']
const ALL_STATES: readonly ApprovalState[] = [
  ...OPEN_STATES,
  ...(['denied', 'expired', 'withdrawn', 'executed', 'failed', 'unknown'] as const),
]
/** Newest first. An answer says when there were more. */
const LIST_LIMIT = 1000

/**
 * `GET /api/approvals[?state=open|all]`, `GET /api/approvals/ID`, `POST /api/approvals/ID/approve|deny`. Reviewers see
 * the requests that name a set they belong to; to everybody else ids do not exist. Expected stops come back as coded
 * JSON; anything that is thrown is a bug.
 */
export async function handleApprovalsApi(request: ApprovalsApiRequest, desk: ReviewDesk): Promise<ApprovalsApiAnswer> {
  try {
    const [id, verb, ...rest] = request.path.split('/').slice(3)
    if (rest.length > 0 || !isPath(request.path)) throw new GateError('ERR_VOTE_UNKNOWN')
    if (id !== undefined && !isApprovalId(id)) throw new GateError('ERR_VOTE_UNKNOWN')
    if (verb !== undefined && verb !== 'approve' && verb !== 'deny') throw new GateError('ERR_VOTE_UNKNOWN')
    requireMethod(request, verb === undefined ? 'GET' : 'POST')
    if (id === undefined) return { status: 200, json: await list(request, desk) }
    if (verb === undefined) return { status: 200, json: await show(id, request, desk) }
    return { status: 200, json: await voteRecorded(id, verb, request, desk) }
  } catch (error) {
    if (error instanceof GateError) return refusalOf(error)
    throw error
  }
}

async function list({ reviewer, query }: ApprovalsApiRequest, desk: ReviewDesk): Promise<Json> {
  const sets = await setsOf(reviewer, desk)
  const found = await desk.store.list(query.get('state') === 'all' ? ALL_STATES : OPEN_STATES, LIST_LIMIT)
  const mine = found.filter((approval) => concerns(approval, sets)).map((approval) => current(approval, desk))
  return plain({
    approvals: mine.map((approval) => reviewViewOf(approval, desk.nameGroup)),
    truncated: found.length === LIST_LIMIT,
  })
}

async function show(id: string, { reviewer }: ApprovalsApiRequest, desk: ReviewDesk): Promise<Json> {
  const sets = await setsOf(reviewer, desk)
  const approval = await desk.store.get(id)
  if (approval === undefined || !concerns(approval, sets)) throw new GateError('ERR_VOTE_UNKNOWN')
  return plain({ approval: reviewViewOf(current(approval, desk), desk.nameGroup) })
}

/** No refused vote goes unrecorded, whatever refused it. */
async function voteRecorded(
  approvalId: string,
  verdict: 'approve' | 'deny',
  request: ApprovalsApiRequest,
  desk: ReviewDesk,
): Promise<Json> {
  try {
    return await vote(approvalId, verdict, request, desk)
  } catch (error) {
    if (error instanceof GateError) {
      await desk.recordVoteRefused({ approvalId, reviewer: request.reviewer, verdict, code: error.code })
    }
    throw error
  }
}

async function vote(
  approvalId: string,
  verdict: 'approve' | 'deny',
  { body, reviewer }: ApprovalsApiRequest,
  desk: ReviewDesk,
): Promise<Json> {
  await setsOf(reviewer, desk)
  const parsed = voteBody.safeParse(body)
  if (!parsed.success) throw new GateError('ERR_VOTE_MALFORMED')
  const { digest } = parsed.data
  const text = parsed.data.reason?.trim() ?? ''
  const reason = text === '' ? undefined : desk.maskText(text)
  const { approval, changed } = await castVote({ approvalId, reviewer, verdict, via: 'api', digest, reason }, desk)
  return plain({ approval: reviewViewOf(approval, desk.nameGroup), repeated: !changed })
}

/** Sets the person belongs to now. Who is in none gets nothing here, not even whether an id exists. */
async function setsOf(reviewer: Reviewer, desk: ReviewDesk): Promise<readonly string[]> {
  await refuseRevokedPerson(reviewer, desk.store)
  const rules = desk.rules()
  const membership = await membershipOf(reviewer, [...rules.sets.keys()], rules, desk.clock(), desk.lookUpGroups)
  if (!membership.known) throw new GateError('ERR_VOTE_MEMBERSHIP')
  if (membership.sets.length === 0) throw new GateError('ERR_VOTE_NOT_REVIEWER')
  return membership.sets
}

function concerns(approval: Approval, sets: readonly string[]): boolean {
  return approval.needs.some((need) => sets.includes(need.set))
}

/** As it is now, even when no sweep has closed it yet. */
function current(approval: Approval, desk: ReviewDesk): Approval {
  const result = expire(approval, desk.clock())
  return result.ok ? result.approval : approval
}

function isPath(path: string): boolean {
  return path === '/api/approvals' || path.startsWith('/api/approvals/')
}

function requireMethod(request: ApprovalsApiRequest, method: string): void {
  if (request.method !== method) throw new GateError('ERR_VOTE_METHOD')
}

function refusalOf({ code, message, next, facts }: GateError): ApprovalsApiAnswer {
  const status = ERRORS[code].status
  return { status: status < 400 ? 409 : status, json: { error: { code, message, next, ...facts } } }
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}
