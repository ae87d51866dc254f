import type { Approval } from '../approvals/approval.ts'
import { changesOf, editableFields } from '../approvals/editableFields.ts'
import type { Reviewer } from '../approvals/membership.ts'
import { modifyRequest } from '../approvals/modifyRequest.ts'
import { GateError } from '../errors.ts'
import type { Submission } from './readDelivery.ts'
import type { SlackDesk } from './slackDesk.ts'

/**
 * Puts what somebody wrote in a form in the place of a request, and says what became of it. The fields have the order
 * that they had when the form was drawn: the digest of what was shown was compared. Throws what `modifyRequest` throws,
 * ERR_SLACK_CLICK and ERR_MODIFY_QUOTES.
 */
export async function changeRequest(
  approval: Approval,
  reviewer: Reviewer,
  { edits, reason }: Submission,
  desk: SlackDesk,
): Promise<string> {
  const editable = editableFields(approval)
  const texts = new Map<string, string>()
  for (const [place, text] of edits) {
    const field = editable[place]
    if (field === undefined && editable.length > 0) throw new GateError('ERR_SLACK_CLICK')
    if (field === undefined) continue
    // Telephones write them by themselves, and no language means them.
    if (TYPOGRAPHIC.test(text) && !TYPOGRAPHIC.test(field.text ?? '')) throw new GateError('ERR_MODIFY_QUOTES')
    texts.set(field.name, text)
  }
  const { id: approvalId, digest } = approval
  const note = reason === '' ? undefined : desk.maskText(reason)
  const set = changesOf(approval, texts)
  const { id } = await modifyRequest({ approvalId, reviewer, via: 'slack', digest, set, note }, desk)
  desk.wake()
  return `${id} takes its place. Somebody else has to approve it.`
}

const TYPOGRAPHIC = /[\u2018-\u201f]/
