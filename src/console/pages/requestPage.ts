import type { ReviewView } from '../../approvals/review.ts'
import type { GateError } from '../../errors.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { type Content, type Html, html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import { pageResponse } from '../pageLayout.ts'
import { codeBlock, inline } from '../showText.ts'
import { countdown, moment } from '../showTime.ts'
import { changeSection } from './changeSection.ts'
import { contextSections } from './contextSections.ts'
import { decisionForms } from './decisionForms.ts'
import { effectSection } from './effectSection.ts'
import { escalatedBadge, neededText, SURFACES, stateBadge, titleOf } from './requestList.ts'

interface RequestInput {
  readonly session: Session
  readonly view: ReviewView
  /** Changes with the record. */
  readonly version: number
  readonly now: number
  /** Why the decision that was just sent did not count. */
  readonly refusal?: GateError | undefined
  /** What was typed, so that a refusal does not lose it. */
  readonly typedReason?: string | undefined
  readonly status?: number
  /** What is hidden is shown in this response, or may be asked for by this person. */
  readonly revealing?: 'shown' | 'offered' | undefined
}

/** One request, complete: everything a surface shows, and the decision below it, where one arrives after reading. */
export function requestPage(input: RequestInput): PageResponse {
  const { session, view, version, now, refusal, typedReason, status, revealing } = input
  const live = (name: string, content: Content) =>
    html`<div data-live="${name}" data-version="${version}">${content}</div>`
  return pageResponse({
    title: `Request ${view.id.slice(-6)}`,
    section: view.state === 'pending' ? 'requests' : 'history',
    session,
    newsAt: `/console/requests/${view.id}`,
    ...(status !== undefined && { status }),
    body: html`<article>
<h1>${titleOf(view)}</h1>
${live('state', statusLine(view, now))}
${refusal === undefined ? '' : html`<div class="callout bad" role="alert"><strong>${refusal.message}</strong> ${refusal.next}</div>`}
${warnings(view)}
<div class="columns">
<div class="reading">
${changeSection(view)}
<section aria-labelledby="what"><h2 id="what">What would run</h2>${revealNote(revealing)}${view.what.fields.map(shownField)}${revealForm(input)}</section>
${effectSection(view)}
<section aria-labelledby="reason"><h2 id="reason">The agent’s reason <span class="unverified">unverified</span></h2>
${view.reason === null ? html`<p class="empty">It gave none.</p>` : html`<blockquote>${codeBlock(view.reason)}</blockquote>`}</section>
</div>
${contextSections(view)}
<div class="deciding">${live('decision', decisionForms({ view, session, typedReason }))}</div>
</div>
</article>`,
  })
}

function statusLine(view: ReviewView, now: number): Html {
  const { state, expires_at, claim_by, settled_at, needs, who, escalation, replaced_by } = view
  return html`<p class="facts">
${stateBadge(view)}
${state === 'pending' ? html`<span class="when">${countdown(expires_at, now)}</span>` : ''}
${state === 'approved' && claim_by !== null ? html`<span class="when">to be collected: ${countdown(claim_by, now)}</span>` : ''}
${settled_at === null ? '' : html`<span>${moment(settled_at)}</span>`}
${needs.map((need) => html`<span>${neededText(need)}</span>`)}
<span>asked by ${inline(who.name ?? who.subject)}</span>
${escalatedBadge(view)}
${escalation === null || escalation.done ? '' : html`<span class="quiet">moves to ${inline(escalation.to.join(' and '))} ${moment(escalation.at)}</span>`}
</p>
${
  replaced_by === null
    ? ''
    : html`<p class="vote">Changed by ${inline(replaced_by.by)}; <a href="/console/requests/${replaced_by.id}">another request</a> took its place.${
        replaced_by.note === null ? '' : html`<br><span class="said">${inline(replaced_by.note)}</span>`
      }</p>`
}
${view.votes.map(
  ({ by, verdict, via, at, reason }) => html`<p class="vote vote-${verdict}">
<strong>${verdict === 'approve' ? 'Approved' : 'Denied'}</strong> by ${inline(by)} through the ${SURFACES[via] ?? via}, ${moment(at)}${
    reason === null ? '' : html`<br><span class="said">${inline(reason)}</span>`
  }</p>`,
)}`
}

function warnings({ warnings, what }: ReviewView): Html | string {
  const masked = what.masked.map(({ where, why }) => `${where}: hidden (${why})`)
  if (warnings.length + masked.length === 0) return ''
  return html`<section class="callout careful" aria-labelledby="warnings"><h2 id="warnings">Look closely</h2>
<ul>${[...warnings, ...masked].map((warning) => html`<li>${inline(warning)}</li>`)}</ul></section>`
}

function revealNote(revealing: RequestInput['revealing']): Html | string {
  if (revealing !== 'shown') return ''
  return html`<p class="callout careful" role="status">Hidden values are shown below, to you, in this page alone. That you saw them is on record. Secrets stay hidden.</p>`
}

/** Only for who may see it; asking is a form, so that nothing is shown by following a link. */
function revealForm({ revealing, view, session }: RequestInput): Html | string {
  if (revealing !== 'offered') return ''
  return html`<form class="reveal" method="post" action="/console/requests/${view.id}/reveal">
<input type="hidden" name="csrf" value="${session.formToken}">
<input type="hidden" name="digest" value="${view.digest}">
<p><label for="why-reveal">Why you need to see it <span class="quiet">optional; for the record</span></label>
<input id="why-reveal" name="reason" type="text" maxlength="2000" autocomplete="off"></p>
<button>Show hidden values</button> <span class="quiet">it is recorded that you saw them</span>
</form>`
}

function shownField({ name, text, masked, language }: ReviewView['what']['fields'][number]): Html {
  const lines = text.split('\n').length
  return html`<h3 class="field">${inline(name)}${masked ? html` <span class="unverified">partly hidden</span>` : ''}${
    lines > 40 || text.length > 4_000
      ? html` <span class="size">${lines.toLocaleString('en')} lines, ${text.length.toLocaleString('en')} characters, all of them below</span>`
      : ''
  }</h3>
${codeBlock(text, language)}`
}
