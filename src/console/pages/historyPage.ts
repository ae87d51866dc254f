import type { ReviewView } from '../../approvals/review.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import { pageResponse } from '../pageLayout.ts'
import { requestRow } from './requestList.ts'

interface HistoryInput {
  readonly session: Session
  readonly views: readonly ReviewView[]
  readonly number: number
  readonly pages: number
  readonly truncated: boolean
  readonly now: number
}

/** What was decided or closed, the latest first. */
export function historyPage({ session, views, number, pages, truncated, now }: HistoryInput): PageResponse {
  return pageResponse({
    title: 'History',
    section: 'history',
    session,
    body: html`<h1>History</h1>
${views.length === 0 ? html`<p class="empty">Nothing was decided yet.</p>` : html`<ul class="rows">${views.map((view) => requestRow(view, now))}</ul>`}
${
  pages === 1
    ? ''
    : html`<nav class="pages" aria-label="Pages">
${number > 1 ? html`<a href="/console/history?page=${number - 1}" rel="prev">Later</a>` : ''}
<span>Page ${number} of ${pages}</span>
${number < pages ? html`<a href="/console/history?page=${number + 1}" rel="next">Earlier</a>` : ''}
</nav>`
}
${truncated ? html`<p class="note">Older requests are in the trail.</p>` : ''}`,
  })
}
