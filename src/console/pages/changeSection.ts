import { drawDiff } from '../../approvals/diffText.ts'
import type { ReviewView } from '../../approvals/review.ts'
import { type Html, html } from '../html.ts'
import { codeBlock, inline } from '../showText.ts'
import { SURFACES } from './requestList.ts'

/** What a reviewer changed, line by line, above what would run now. Empty for what the agent asked for itself. */
export function changeSection({ change }: ReviewView): Html | string {
  if (change === null) return ''
  const { by, via, note, instead_of, authors, fields } = change
  const others = authors.filter((name) => name !== by)
  return html`<section aria-labelledby="change"><h2 id="change">What a reviewer changed</h2>
<p>Written by ${inline(by)} through the ${SURFACES[via] ?? via}, in the place of
<a class="id" href="/console/requests/${instead_of}">${instead_of}</a>.
${others.length === 0 ? '' : html`Changed before by ${others.map((name, index) => html`${index === 0 ? '' : ', '}${inline(name)}`)}. `}
Nobody approves what they wrote.</p>
${note === null ? '' : html`<blockquote>${codeBlock(note)}</blockquote>`}
${fields.map(
  ({ name, diff }) => html`<h3 class="field">${inline(name)} <span class="quiet">minus: before, plus: now</span></h3>
${codeBlock(drawDiff(diff), 'diff')}`,
)}
${fields.length === 0 ? html`<p class="empty">Nothing that is shown differs: the change is in arguments that are not shown as text.</p>` : ''}
</section>`
}
