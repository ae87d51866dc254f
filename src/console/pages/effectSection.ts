import type { ReviewView } from '../../approvals/review.ts'
import { type Html, html } from '../html.ts'
import { codeBlock, inline } from '../showText.ts'
import { rowsOf } from './requestList.ts'

/** What would happen: how many rows, what goes with them, some of them, and what could not be found out. */
export function effectSection({ effect, limits }: ReviewView): Html {
  const limit =
    limits.max_rows === null
      ? ''
      : html`<p class="note">Rolled back if it changes more than ${rowsOf(limits.max_rows)}.</p>`
  if (effect === null) {
    return html`<section aria-labelledby="effect"><h2 id="effect">What it would change</h2>
<p class="callout careful">No preview could be made: decide by the text alone.</p>${limit}</section>`
  }
  const { rows, lines, missing, sample } = effect
  // The first line of a counted preview says the same number in words.
  const [first = '', ...others] = lines
  const isCounted = rows !== undefined && new RegExp(`^${rows} rows? `).test(first)
  const rest = isCounted ? others : lines
  const unit = isCounted ? first.slice(String(rows).length).trim() : rows === 1 ? 'row' : 'rows'
  return html`<section aria-labelledby="effect"><h2 id="effect">What it would change</h2>
${rows === undefined ? '' : html`<p class="count"><strong>${rows.toLocaleString('en')}</strong> ${inline(unit)}</p>`}
${rest.length === 0 ? '' : html`<ul class="effects">${rest.map((line) => html`<li>${inline(line)}</li>`)}</ul>`}
${missing.length === 0 ? '' : html`<ul class="effects missing">${missing.map((line) => html`<li>Not known: ${inline(line)}</li>`)}</ul>`}
${limit}
${sample === undefined || sample.rows.length === 0 ? '' : sampleTable(sample, 'Some of these rows, as they are now')}
${(effect.texts ?? []).map(({ title, text, language }) => html`<h3 class="field">${inline(title)}</h3>${codeBlock(text, language)}`)}
</section>`
}

interface Sample {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** A table that scrolls by itself where the page is narrow. */
export function sampleTable({ columns, rows }: Sample, caption: string): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col">${inline(column)}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody>
</table></div>`
}

function cell(text: string): Html {
  return text.startsWith('[masked') ? html`<td class="masked">${inline(text)}</td>` : html`<td>${inline(text)}</td>`
}
