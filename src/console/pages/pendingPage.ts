import type { ReviewView } from '../../approvals/review.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import { pageResponse } from '../pageLayout.ts'
import { requestRow } from './requestList.ts'

interface PendingInput {
  readonly session: Session
  readonly views: readonly ReviewView[]
  /** Changes whenever what is shown changes. */
  readonly version: string
  readonly truncated: boolean
  readonly now: number
}

/** What waits for somebody, the most urgent first, and what was approved and has not run yet. */
export function pendingPage({ session, views, version, truncated, now }: PendingInput): PageResponse {
  const pending = views
    .filter(({ state }) => state === 'pending')
    .toSorted((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at))
  const under = views.filter(({ state }) => state !== 'pending')
  const rows = (list: readonly ReviewView[]) => html`<ul class="rows">${list.map((view) => requestRow(view, now))}</ul>`
  return pageResponse({
    title: pending.length === 0 ? 'Pending' : `(${pending.length}) Pending`,
    section: 'requests',
    session,
    newsAt: '/console/requests',
    body: html`<div data-live="requests" data-version="${version}">
<h1>Waiting for a decision</h1>
${pending.length === 0 ? html`<p class="empty">Nothing is waiting.</p>` : rows(pending)}
${under.length === 0 ? '' : html`<h2>Approved, not finished</h2>${rows(under)}`}
${truncated ? html`<p class="note">There are more open requests than are shown here.</p>` : ''}
</div>
<noscript><p class="note">This page does not update by itself without JavaScript. <a href="/console/requests">Load it again</a></p></noscript>`,
  })
}
