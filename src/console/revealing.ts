import * as z from 'zod'
import { type RevealDesk, revealRequest } from '../approvals/revealRequest.ts'
import { reviewViewOf } from '../approvals/review.ts'
import { type ReviewDesk, voteRecorded } from '../approvals/reviewDesk.ts'
import { GateError } from '../errors.ts'
import type { PageResponse } from '../mcp/pageRoute.ts'
import { isOwnForm, type Session } from './openSessions.ts'
import { requestPage } from './pages/requestPage.ts'
import { answerFields, find, HIDES_THE_REQUEST, page } from './reviewing.ts'

const revealForm = z.strictObject({ csrf: z.string(), ...answerFields })

interface RevealByForm {
  readonly approvalId: string
  readonly form: ReadonlyMap<string, string> | undefined
  readonly session: Session
}

/**
 * Answers a form with the request and what is hidden in it: this one response, to this person. On record before it is
 * shown; a refusal is on record too, and shows the request as everybody sees it.
 */
export async function revealByForm(request: RevealByForm, desk: ReviewDesk, reveal: RevealDesk): Promise<PageResponse> {
  const { approvalId, session } = request
  const { reviewer } = session
  try {
    return await voteRecorded({ approvalId, reviewer, verdict: 'reveal' }, desk, () => show(request, desk, reveal))
  } catch (error) {
    if (!(error instanceof GateError) || HIDES_THE_REQUEST.has(error.code)) throw error
    return page(await find(approvalId, session, desk), session, desk, reveal, { error, typedReason: undefined })
  }
}

async function show({ approvalId, form, session }: RevealByForm, desk: ReviewDesk, reveal: RevealDesk) {
  if (!isOwnForm(session, form)) throw new GateError('ERR_CONSOLE_FORM')
  const { reviewer } = session
  await find(approvalId, session, desk)
  const parsed = revealForm.safeParse(Object.fromEntries(form ?? []))
  if (!parsed.success) throw new GateError('ERR_VOTE_MALFORMED')
  const { digest } = parsed.data
  const text = parsed.data.reason.trim()
  const reason = text === '' ? undefined : desk.maskText(text)
  const { approval, fields } = await revealRequest({ approvalId, reviewer, digest, reason }, reveal)
  const view = reviewViewOf(approval, desk.nameGroup)
  // What was hidden may deceive, too. Approving takes its own confirmation as before.
  const { warnings } = reviewViewOf({ ...approval, shown: { ...approval.shown, fields } })
  const revealed = { ...view, warnings, what: { ...view.what, fields } }
  const { version } = approval
  return requestPage({ session, view: revealed, version, now: desk.clock(), revealing: 'shown' })
}
