import * as z from 'zod'
import type { Approval } from '../approvals/approval.ts'
import { castVote } from '../approvals/castVote.ts'
import { isApprovalId } from '../approvals/isApprovalId.ts'
import { mayReveal, type RevealDesk } from '../approvals/revealRequest.ts'
import { reviewViewOf } from '../approvals/review.ts'
import {
  CLOSED_STATES,
  listForReviewer,
  OPEN_STATES,
  type ReviewDesk,
  showToReviewer,
  voteRecorded,
} from '../approvals/reviewDesk.ts'
import { ERRORS, GateError } from '../errors.ts'
import type { PageResponse } from '../mcp/pageRoute.ts'
import { isOwnForm, type Session } from './openSessions.ts'
import { redirectTo } from './pageLayout.ts'
import { historyPage } from './pages/historyPage.ts'
import { pendingPage } from './pages/pendingPage.ts'
import { requestPage } from './pages/requestPage.ts'
import { storyPage } from './pages/storyPage.ts'
import type { ReadStory } from './readStory.ts'

export async function showPending(session: Session, desk: ReviewDesk): Promise<PageResponse> {
  const { approvals, truncated } = await listForReviewer(session.reviewer, OPEN_STATES, desk)
  const version = approvals.map(({ id, version }) => `${id.slice(-8)}.${version}`).join('-')
  const views = approvals.map((approval) => reviewViewOf(approval, desk.nameGroup))
  return pendingPage({ session, views, version, truncated, now: desk.clock() })
}

const PAGE_LENGTH = 50

export async function showHistory(session: Session, page: string | null, desk: ReviewDesk): Promise<PageResponse> {
  const number = /^[1-9]\d{0,3}$/.test(page ?? '') ? Number(page) : 1
  const { approvals, truncated } = await listForReviewer(session.reviewer, CLOSED_STATES, desk)
  const newest = approvals.toSorted((a, b) => (b.settledAt ?? b.createdAt) - (a.settledAt ?? a.createdAt))
  const shown = newest.slice((number - 1) * PAGE_LENGTH, number * PAGE_LENGTH)
  const views = shown.map((approval) => reviewViewOf(approval, desk.nameGroup))
  const pages = Math.max(1, Math.ceil(newest.length / PAGE_LENGTH))
  return historyPage({ session, views, number, pages, truncated, now: desk.clock() })
}

export async function showRequest(
  id: string,
  session: Session,
  desk: ReviewDesk,
  reveal: RevealDesk,
): Promise<PageResponse> {
  return await page(await find(id, session, desk), session, desk, reveal)
}

export async function showStory(id: string, session: Session, readStory: ReadStory): Promise<PageResponse> {
  return storyPage({ session, story: await readStory(id, session.reviewer) })
}

/** What a form about a request carries: which request was read, and why this is answered to it. */
export const answerFields = {
  digest: z.string().regex(/^hmac-sha256:[0-9a-f]{64}$/),
  reason: z.string().max(2_000),
}

/** `read` is what stands in for one click, where one click is not enough. */
const decisionForm = z.strictObject({
  csrf: z.string(),
  ...answerFields,
  read: z.literal('yes').optional(),
})

interface Decision {
  readonly approvalId: string
  readonly verdict: 'approve' | 'deny'
  readonly form: ReadonlyMap<string, string> | undefined
  readonly session: Session
}

/** One decision from a form. A refusal is in the trail before it is shown, beside the request as it is now. */
export async function decide(decision: Decision, desk: ReviewDesk, reveal: RevealDesk): Promise<PageResponse> {
  const { approvalId, verdict, session, form } = decision
  try {
    await voteRecorded({ approvalId, reviewer: session.reviewer, verdict }, desk, () => vote(decision, desk))
    return redirectTo(`/console/requests/${approvalId}`)
  } catch (error) {
    if (!(error instanceof GateError) || HIDES_THE_REQUEST.has(error.code)) throw error
    const approval = await find(approvalId, session, desk)
    const typedReason = verdict === 'deny' ? form?.get('reason') : undefined
    return await page(approval, session, desk, reveal, { error, typedReason })
  }
}

/** After these the page itself is not for this person, or not for this form. */
export const HIDES_THE_REQUEST: ReadonlySet<string> = new Set([
  ...['ERR_CONSOLE_FORM', 'ERR_VOTE_UNKNOWN', 'ERR_VOTE_MEMBERSHIP', 'ERR_VOTE_NOT_REVIEWER', 'ERR_REVOKED'],
])

async function vote({ approvalId, verdict, form, session }: Decision, desk: ReviewDesk): Promise<void> {
  if (!isOwnForm(session, form)) throw new GateError('ERR_CONSOLE_FORM')
  const approval = await find(approvalId, session, desk)
  const parsed = decisionForm.safeParse(Object.fromEntries(form ?? []))
  if (!parsed.success) throw new GateError('ERR_VOTE_MALFORMED')
  const { digest, read } = parsed.data
  const { one_click } = reviewViewOf(approval, desk.nameGroup)
  if (verdict === 'approve' && !one_click && read === undefined) throw new GateError('ERR_CONSOLE_UNREAD')
  const text = parsed.data.reason.replaceAll('\r\n', '\n').trim()
  const reason = text === '' ? undefined : desk.maskText(text)
  await castVote({ approvalId, reviewer: session.reviewer, verdict, via: 'console', digest, reason }, desk)
}

/** One request that concerns the person. Throws ERR_VOTE_UNKNOWN. */
export async function find(id: string, session: Session, desk: ReviewDesk): Promise<Approval> {
  if (!isApprovalId(id)) throw new GateError('ERR_VOTE_UNKNOWN')
  return await showToReviewer(id, session.reviewer, desk)
}

/** Its page, as everybody sees it. */
export async function page(
  approval: Approval,
  session: Session,
  desk: ReviewDesk,
  reveal: RevealDesk,
  refused?: { readonly error: GateError; readonly typedReason: string | undefined },
): Promise<PageResponse> {
  const view = reviewViewOf(approval, desk.nameGroup)
  const { version } = approval
  const revealing = (await mayReveal(approval, session.reviewer, reveal)) ? 'offered' : undefined
  const shown = { session, view, version, now: desk.clock(), revealing } as const
  if (refused === undefined) return requestPage(shown)
  const status: number = ERRORS[refused.error.code].status
  return requestPage({ ...shown, refusal: refused.error, typedReason: refused.typedReason, status })
}
