import * as z from 'zod'
import type { Json } from '../call.ts'
import { ERRORS, GateError } from '../errors.ts'
import { castVote } from './castVote.ts'
import { isApprovalId } from './isApprovalId.ts'
import type { Reviewer } from './membership.ts'
import { modifyRequest } from './modifyRequest.ts'
import { reviewViewOf } from './review.ts'
import {
  CLOSED_STATES,
  type Deed,
  listForReviewer,
  OPEN_STATES,
  type ReviewDesk,
  setsOf,
  showToReviewer,
  voteRecorded,
} from './reviewDesk.ts'
import { readRuleStatistics, statisticsQuery } from './ruleStatistics.ts'

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

/** `denied` needs a reason; an approval may have one. The digest says which request was read. */
const voteBody = z.strictObject({
  digest: z.string().regex(/^hmac-sha256:[0-9a-f]{64}$/),
  reason: z.string().max(2_000).optional(),
})

/** `set`: arguments by name, with their new values. The others stay as the agent sent them. */
const changeBody = z.strictObject({
  digest: voteBody.shape.digest,
  set: z.record(z.string().min(1).max(100), z.json()).refine((set) => Object.keys(set).length <= 50),
  reason: voteBody.shape.reason,
})

/** Reveals are for the console alone. */
type ApiDeed = Exclude<Deed, 'reveal'>
const DEEDS: readonly string[] = ['approve', 'deny', 'modify'] satisfies ApiDeed[]
const isDeed = (verb: string): verb is ApiDeed => DEEDS.includes(verb)

/**
 * `GET /api/approvals[?state=open|all]`, `GET /api/approvals/stats[?since=24h|7d|30d]`, `GET /api/approvals/ID`, `POST /api/approvals/ID/approve|deny|modify`. Reviewers see
 * the requests that name a set they belong to; to everybody else ids do not exist. Expected stops come back as coded
 * JSON; anything that is thrown is a bug.
 */
export async function handleApprovalsApi(request: ApprovalsApiRequest, desk: ReviewDesk): Promise<ApprovalsApiAnswer> {
  try {
    const [id, verb, ...rest] = request.path.split('/').slice(3)
    if (rest.length > 0 || !isPath(request.path)) throw new GateError('ERR_VOTE_UNKNOWN')
    if (id === 'stats' && verb === undefined) {
      requireMethod(request, 'GET')
      return { status: 200, json: await statistics(request, desk) }
    }
    if (id !== undefined && !isApprovalId(id)) throw new GateError('ERR_VOTE_UNKNOWN')
    if (verb !== undefined && !isDeed(verb)) throw new GateError('ERR_VOTE_UNKNOWN')
    requireMethod(request, verb === undefined ? 'GET' : 'POST')
    if (id === undefined) return { status: 200, json: await list(request, desk) }
    if (verb === undefined) return { status: 200, json: await show(id, request, desk) }
    const { reviewer } = request
    const json = await voteRecorded({ approvalId: id, reviewer, verdict: verb }, desk, () =>
      verb === 'modify' ? change(id, request, desk) : vote(id, verb, request, desk),
    )
    return { status: 200, json }
  } catch (error) {
    if (error instanceof GateError) return refusalOf(error)
    throw error
  }
}

async function list({ reviewer, query }: ApprovalsApiRequest, desk: ReviewDesk): Promise<Json> {
  const states = query.get('state') === 'all' ? [...OPEN_STATES, ...CLOSED_STATES] : OPEN_STATES
  const { approvals, truncated } = await listForReviewer(reviewer, states, desk)
  return plain({ approvals: approvals.map((approval) => reviewViewOf(approval, desk.nameGroup)), truncated })
}

async function statistics({ reviewer, query }: ApprovalsApiRequest, desk: ReviewDesk): Promise<Json> {
  const asked = statisticsQuery.safeParse(Object.fromEntries(query))
  if (!asked.success) throw new GateError('ERR_STATISTICS_QUERY')
  return plain(await readRuleStatistics(reviewer, asked.data.since, desk, asked.data.by))
}

async function show(id: string, { reviewer }: ApprovalsApiRequest, desk: ReviewDesk): Promise<Json> {
  return plain({ approval: reviewViewOf(await showToReviewer(id, reviewer, desk), desk.nameGroup) })
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

/** Answers the request that took the place of the one that was changed. */
async function change(approvalId: string, { body, reviewer }: ApprovalsApiRequest, desk: ReviewDesk): Promise<Json> {
  await setsOf(reviewer, desk)
  const parsed = changeBody.safeParse(body)
  if (!parsed.success) throw new GateError('ERR_VOTE_MALFORMED')
  const { digest, set, reason = '' } = parsed.data
  const note = reason.trim() === '' ? undefined : desk.maskText(reason.trim())
  // JSON as it came: zod's own type of it may hold undefined, which JSON cannot.
  const request = {
    approvalId,
    reviewer,
    via: 'api' as const,
    digest,
    set: set as Readonly<Record<string, Json>>,
    note,
  }
  const approval = await modifyRequest(request, desk)
  return plain({ approval: reviewViewOf(approval, desk.nameGroup), replaced: approvalId })
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
