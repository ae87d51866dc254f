import * as z from 'zod'
import type { Approval } from '../approvals/approval.ts'
import { changesOf } from '../approvals/editableFields.ts'
import { modifyRequest } from '../approvals/modifyRequest.ts'
import { reviewViewOf } from '../approvals/review.ts'
import { type ReviewDesk, voteRecorded } from '../approvals/reviewDesk.ts'
import { ERRORS, GateError } from '../errors.ts'
import type { PageResponse } from '../mcp/pageRoute.ts'
import { isOwnForm, type Session } from './openSessions.ts'
import { redirectTo } from './pageLayout.ts'
import { inputNameOf, modifyPage } from './pages/modifyPage.ts'
import { answerFields, find, HIDES_THE_REQUEST } from './reviewing.ts'

/** The form for a change. What is decided already is shown as it is. */
export async function showModify(id: string, session: Session, desk: ReviewDesk): Promise<PageResponse> {
  const approval = await find(id, session, desk)
  const view = reviewViewOf(approval, desk.nameGroup)
  return view.editable.length === 0 ? redirectTo(`/console/requests/${id}`) : modifyPage({ session, view })
}

/** Beside these, a form has one field for each argument: see `inputNameOf`. */
const changeForm = z.looseObject(answerFields)

interface Change {
  readonly approvalId: string
  readonly form: ReadonlyMap<string, string> | undefined
  readonly session: Session
}

/** One change from a form: leads to the new request. A refusal is in the trail before it is shown, above what was typed. */
export async function modifyByForm(change: Change, desk: ReviewDesk): Promise<PageResponse> {
  const { approvalId, session, form } = change
  try {
    const { id } = await voteRecorded({ approvalId, reviewer: session.reviewer, verdict: 'modify' }, desk, () =>
      modify(change, desk),
    )
    return redirectTo(`/console/requests/${id}`)
  } catch (error) {
    if (!(error instanceof GateError) || HIDES_THE_REQUEST.has(error.code)) throw error
    const view = reviewViewOf(await find(approvalId, session, desk), desk.nameGroup)
    const status: number = ERRORS[error.code].status
    const typed = new Map(
      view.editable.flatMap(({ name }, index) => {
        const text = form?.get(inputNameOf(index))
        return text === undefined ? [] : [[name, text.replaceAll('\r\n', '\n')]]
      }),
    )
    const note = form?.get('reason') ?? ''
    return modifyPage({ session, view, refusal: error, typed, note, status: status < 400 ? 409 : status })
  }
}

async function modify({ approvalId, form, session }: Change, desk: ReviewDesk): Promise<Approval> {
  if (!isOwnForm(session, form)) throw new GateError('ERR_CONSOLE_FORM')
  const approval = await find(approvalId, session, desk)
  const parsed = changeForm.safeParse(Object.fromEntries(form ?? []))
  if (!parsed.success || form === undefined) throw new GateError('ERR_VOTE_MALFORMED')
  const { editable } = reviewViewOf(approval, desk.nameGroup)
  const texts = new Map<string, string>()
  for (const [name, text] of form) {
    if (['csrf', 'digest', 'reason'].includes(name)) continue
    const field = editable.find((_, index) => inputNameOf(index) === name)
    // Of a request that is decided nothing is editable any more: that is for the change itself to say.
    if (field === undefined && editable.length > 0) throw new GateError('ERR_VOTE_MALFORMED')
    if (field !== undefined) texts.set(field.name, text)
  }
  const text = parsed.data.reason.trim()
  const note = text === '' ? undefined : desk.maskText(text)
  const { digest } = parsed.data
  const { reviewer } = session
  const set = changesOf(approval, texts)
  return await modifyRequest({ approvalId, reviewer, via: 'console', digest, set, note }, desk)
}
