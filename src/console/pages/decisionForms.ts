import type { ReviewView } from '../../approvals/review.ts'
import { type Html, html } from '../html.ts'
import type { Session } from '../openSessions.ts'

interface DecisionInput {
  readonly view: ReviewView
  readonly session: Session
  readonly typedReason?: string | undefined
}

/**
 * Approve and Deny, below everything there is to read. Where something is hidden or could deceive, approving takes a
 * step of its own; the server asks for it too.
 */
export function decisionForms({ view, session, typedReason }: DecisionInput): Html | string {
  if (view.state !== 'pending') return ''
  const hidden = html`<input type="hidden" name="csrf" value="${session.formToken}">
<input type="hidden" name="digest" value="${view.digest}">`
  return html`<section class="decision" aria-labelledby="decision"><h2 id="decision">Your decision</h2>
<form method="post" action="/console/requests/${view.id}/approve">
${hidden}
${
  view.one_click
    ? ''
    : html`<p class="confirm"><input type="checkbox" id="read" name="read" value="yes" required>
<label for="read">I have read the whole request, with what is marked in it, and judged what I could not see.</label></p>`
}
<p><label for="note">Note <span class="quiet">optional</span></label>
<input id="note" name="reason" type="text" maxlength="2000" autocomplete="off"></p>
<button class="approve">Approve</button>
</form>
<form method="post" action="/console/requests/${view.id}/deny">
${hidden}
<p><label for="why-not">Why not <span class="quiet">the agent is told</span></label>
<textarea id="why-not" name="reason" rows="3" maxlength="2000" required>${typedReason ?? ''}</textarea></p>
<button class="deny">Deny</button>
</form>
${view.change === null ? '' : html`<p class="note">Who wrote this request does not approve it.</p>`}
${view.editable.length === 0 ? '' : html`<p><a class="button" href="/console/requests/${view.id}/modify">Change it…</a> <span class="quiet">somebody else then approves what you write</span></p>`}
</section>`
}
