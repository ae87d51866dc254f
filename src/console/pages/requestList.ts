import type { ReviewView } from '../../approvals/review.ts'
import { type Html, html } from '../html.ts'
import { inline } from '../showText.ts'
import { ago, countdown, moment } from '../showTime.ts'

/** What pending and history have in common: one request as a row that leads to its page. Nobody decides from here. */
export function requestRow(view: ReviewView, now: number): Html {
  const { id, who, effect, needs } = view
  return html`<li class="row">
<a class="row-link" href="/console/requests/${id}" id="${id}">
<span class="row-title">${titleOf(view)}</span>
<code class="excerpt">${excerptOf(view)}</code>
</a>
<p class="facts">
${stateBadge(view)}
<span>${inline(who.name ?? who.subject)}</span>
${effect?.rows === undefined ? '' : html`<span>${rowsOf(effect.rows)}</span>`}
${view.state === 'pending' ? needs.map((need) => html`<span>${neededText(need)}</span>`) : ''}
${view.change === null ? '' : html`<span class="changed">changed by ${inline(view.change.by)}</span>`}
${escalatedBadge(view)}
${view.one_click ? '' : html`<span class="careful">needs a careful look</span>`}
<span class="when">${whenOf(view, now)}</span>
</p>
</li>`
}

/** Where a request is that nobody decided in time. */
export function escalatedBadge({ escalation }: Pick<ReviewView, 'escalation'>): Html | string {
  if (escalation === null || !escalation.done) return ''
  return html`<span class="escalated">escalated to ${inline(escalation.to.join(' and '))}</span>`
}

/** `DELETE on prod-maintenance`: the operations that were stopped, in the parser's words. */
export function titleOf({ why, what, where }: ReviewView): Html {
  const stopped = why.filter(({ action }) => action !== 'allow').map(({ operation }) => operation)
  const plain = stopped.filter((operation) => !operation.includes(':'))
  const named = [...new Set(plain.length > 0 ? plain : stopped)].slice(0, 3)
  return html`${inline(named.join(', ') || what.tool)} <span class="on">on</span> ${inline(where.connection)}`
}

export function stateBadge({ state }: Pick<ReviewView, 'state'>): Html {
  return html`<span class="state state-${state}">${STATES[state]}</span>`
}

/** Surfaces as people call them. */
export const SURFACES: Readonly<Record<string, string>> = {
  api: 'API',
  terminal: 'terminal',
  slack: 'Slack',
  console: 'console',
}

export function rowsOf(rows: number): string {
  return `${rows.toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'}`
}

/** `needs 1 approval from dba`, `1 of 2 approvals from two-dbas`. */
export function neededText({ reviewers, at_least, approved }: ReviewView['needs'][number]): Html {
  const unit = at_least === 1 ? 'approval' : 'approvals'
  const amount = approved === 0 ? `needs ${at_least}` : `${approved} of ${at_least}`
  return html`${amount} ${unit} from ${inline(reviewers)}`
}

const STATES: Readonly<Record<ReviewView['state'], string>> = {
  pending: 'pending',
  approved: 'approved, not run yet',
  executing: 'running',
  denied: 'denied',
  expired: 'expired',
  withdrawn: 'withdrawn',
  modified: 'changed by a reviewer',
  executed: 'approved and run',
  failed: 'approved, failed',
  unknown: 'outcome unknown',
}

/** A hint of what it is, cut where it is long; the page of the request shows all of it. */
function excerptOf({ what }: ReviewView): Html {
  const text = what.fields.map((field) => field.text).join(' ')
  const characters = [...text.slice(0, 1_000).replaceAll(/\s+/g, ' ')]
  const cut = characters.slice(0, 160).join('')
  const isCut = characters.length > 160 || text.length > 1_000
  return html`${inline(cut)}${isCut ? html`<span class="cut"> … continues</span>` : ''}`
}

function whenOf(view: ReviewView, now: number): Html {
  if (view.state === 'pending') return html`${countdown(view.expires_at, now)}`
  if (view.settled_at !== null) return moment(view.settled_at)
  return ago(view.created_at, now)
}
