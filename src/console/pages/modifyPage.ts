import type { EditableField } from '../../approvals/editableFields.ts'
import type { ReviewView } from '../../approvals/review.ts'
import type { GateError } from '../../errors.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { type Html, html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import { pageResponse } from '../pageLayout.ts'
import { inline } from '../showText.ts'
import { titleOf } from './requestList.ts'

interface ModifyInput {
  readonly session: Session
  readonly view: ReviewView
  /** Why the change that was just sent did not count. */
  readonly refusal?: GateError
  /** What was typed, so that a refusal does not lose it: by name of the field, and the note. */
  readonly typed?: ReadonlyMap<string, string>
  readonly note?: string
  readonly status?: number
}

/** The name in the form for the argument at this place. */
export const inputNameOf = (index: number) => `edit-${index}`

/** A form for what would run. What is hidden is not in it: it is written anew, or the request is decided as it is. */
export function modifyPage({ session, view, refusal, typed, note = '', status = 200 }: ModifyInput): PageResponse {
  const { id, editable, digest } = view
  return pageResponse({
    title: `Change ${id.slice(-6)}`,
    section: 'requests',
    session,
    status,
    body: html`<article>
<h1>Change: ${titleOf(view)}</h1>
<p>You write another request in the place of <a class="id" href="/console/requests/${id}">${id}</a>.
It is judged again as a call of the same agent, and <strong>somebody else has to approve it</strong>. The agent is told what changed.</p>
${refusal === undefined ? '' : html`<div class="callout bad" role="alert"><strong>${inline(refusal.message)}</strong> ${refusal.next}</div>`}
<form class="change" method="post" action="/console/requests/${id}/modify">
<input type="hidden" name="csrf" value="${session.formToken}">
<input type="hidden" name="digest" value="${digest}">
${editable.map((field, index) => editor(field, index, typed?.get(field.name)))}
<p><label for="note">Why <span class="quiet">optional; the next reviewer and the agent read it</span></label>
<input id="note" name="reason" type="text" maxlength="2000" autocomplete="off" value="${note}"></p>
<p class="choices"><button class="approve">Send for approval</button> <a class="button" href="/console/requests/${id}">Back</a></p>
</form>
</article>`,
  })
}

function editor({ name, kind, text }: EditableField, index: number, typed: string | undefined): Html {
  const shown = typed ?? text ?? ''
  const rows = Math.min(30, Math.max(3, shown.split('\n').length + 1))
  const hint = [
    kind === 'json' ? 'JSON' : '',
    text === null ? 'hidden or not shown whole: empty leaves it, anything replaces it whole' : '',
  ]
  // HTML drops one line feed after the tag, so one is given for it to drop.
  return html`<p><label for="edit-${index}">${inline(name)} <span class="quiet">${hint.filter((part) => part !== '').join('; ')}</span></label>
<textarea id="edit-${index}" class="code" name="${inputNameOf(index)}" rows="${rows}" spellcheck="false" autocapitalize="off" autocomplete="off">
${shown}</textarea></p>`
}
