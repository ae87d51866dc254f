import {
  type RuleLine,
  type RuleStatistics,
  STATISTICS_ORDERS,
  STATISTICS_WINDOWS,
  type StatisticsOrder,
  type StatisticsWindow,
} from '../../approvals/ruleStatistics.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { type Content, type Html, html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import { pageResponse } from '../pageLayout.ts'
import { inline } from '../showText.ts'

interface RulesInput {
  readonly session: Session
  readonly statistics: RuleStatistics
  readonly window: StatisticsWindow
  readonly order: StatisticsOrder
}

/** Which rules ask people, and what people answer: so that somebody can loosen or tighten them. */
export function rulesPage({ session, statistics, window, order }: RulesInput): PageResponse {
  const { rules, requests, truncated } = statistics
  const asked = `${requests.toLocaleString('en')} ${requests === 1 ? 'request' : 'requests'}`
  return pageResponse({
    title: 'Rules',
    section: 'rules',
    session,
    body: html`<h1>Rules that ask</h1>
<p class="note">${asked} ${WINDOW_WORDS[window]} that named a reviewer set of yours. A request that several rules stopped counts for each.</p>
<nav class="choices" aria-label="Time">${keysOf(STATISTICS_WINDOWS).map((one) => windowLink(one, window, order))}</nav>
${rules.length === 0 ? html`<p class="empty">No rule has asked anybody.</p>` : table(rules, window, order)}
${truncated ? html`<p class="note">There were more requests than are counted; the oldest are left out.</p>` : ''}`,
  })
}

const WINDOW_WORDS: Readonly<Record<StatisticsWindow, string>> = {
  '24h': 'in the last 24 hours',
  '7d': 'in the last 7 days',
  '30d': 'in the last 30 days',
}

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): readonly Key[] {
  return Object.keys(record) as Key[]
}

function windowLink(to: StatisticsWindow, window: StatisticsWindow, order: StatisticsOrder): Html {
  const text = WINDOW_WORDS[to].replace('in the last ', '')
  const current = to === window ? html`<a class="window-now" aria-current="true" ` : html`<a `
  return html`${current}href="/console/rules?since=${to}&amp;by=${order}">${text}</a>`
}

const HEADS: Readonly<Record<StatisticsOrder, string>> = {
  asked: 'Asked',
  approved: 'Approved',
  denied: 'Denied',
  expired: 'Ran out',
  time: 'Median wait',
}

/** Roles are written out: on a telephone the rows are cards, and browsers then forget that they are a table. */
function table(rules: readonly RuleLine[], window: StatisticsWindow, order: StatisticsOrder): Html {
  const head = (by: StatisticsOrder) =>
    html`<th role="columnheader" scope="col" ${by === order ? html`aria-sort="descending"` : ''}><a href="/console/rules?since=${window}&amp;by=${by}">${HEADS[by]}</a></th>`
  return html`<table class="rules" role="table"><caption class="unseen">Rules, with what became of the requests they made</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Rule</th>${STATISTICS_ORDERS.map(head)}</tr></thead>
<tbody role="rowgroup">${rules.map(row)}</tbody></table>`
}

function row(line: RuleLine): Html {
  const { asked, waiting, callers, approved_percent: percent, median_seconds: seconds } = line
  const who = `by ${callers} ${callers === 1 ? 'caller' : 'callers'}`
  return html`<tr role="row">
<th role="rowheader" scope="row">${nameOf(line)}${bar(line)}${remark(line)}</th>
${cell('asked', html`${asked.toLocaleString('en')} <span class="quiet">${waiting === 0 ? who : `${who}, ${waiting} waiting`}</span>`)}
${cell('approved', html`${line.approved} ${percent === null ? '' : html`<span class="quiet">${percent} %</span>`}`)}
${cell('denied', html`${line.denied}${line.modified === 0 ? '' : html` <span class="quiet">${line.modified} changed</span>`}`)}
${cell('expired', html`${line.expired}${line.withdrawn === 0 ? '' : html` <span class="quiet">${line.withdrawn} withdrawn</span>`}`)}
${cell('time', seconds === null ? html`<span class="quiet">nobody decided</span>` : durationOf(seconds))}
</tr>`
}

function cell(of: StatisticsOrder, content: Content): Html {
  return html`<td role="cell"><span class="label" aria-hidden="true">${HEADS[of]}</span> <span>${content}</span></td>`
}

function nameOf({ policy, rule, source, consequence }: RuleLine): Html {
  if (rule === null || policy === null) {
    return html`<span class="rule-name">no rule</span> <span class="quiet">for the consequence ${inline(consequence ?? '')}</span>`
  }
  return html`<span class="rule-name">${inline(`${policy} / ${rule}`)}</span>${source === null ? '' : html`<code class="id">${inline(source)}</code>`}`
}

/** Shares of what was asked, as a drawing whose sizes are attributes: the pages allow no inline styles. */
function bar({ asked, approved, denied, expired, modified, withdrawn, waiting }: RuleLine): Html {
  const parts = [
    ['approved', approved],
    ['denied', denied + modified],
    ['expired', expired + withdrawn],
    ['waiting', waiting],
  ] as const
  let from = 0
  const drawn = parts.map(([kind, count]) => {
    const width = (count / asked) * 100
    const rect = html`<rect class="share-${kind}" x="${from.toFixed(2)}" y="0" width="${width.toFixed(2)}" height="6"></rect>`
    from += width
    return width === 0 ? '' : rect
  })
  return html`<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">${drawn}</svg>`
}

/** Below this, shares say nothing. */
const ENOUGH = 10

function remark({ asked, waiting, approved_percent: percent, denied, expired }: RuleLine): Html | string {
  const answered = asked - waiting
  if (answered < ENOUGH) return ''
  const say = (words: string) => html`<span class="remark">${words}</span>`
  if (percent === 100) return say('always approved: does it need a person?')
  if (expired * 2 >= answered) return say('mostly unanswered: are its reviewers there?')
  if (denied * 2 >= answered) return say('mostly denied: could it be a deny rule?')
  return ''
}

function durationOf(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
