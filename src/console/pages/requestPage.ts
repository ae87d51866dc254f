import type { ReviewView } from '../../approvals/review.ts'
import type { GateError } from '../../errors.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { type Content, type Html, html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import { pageResponse } from '../pageLayout.ts'
import { block, inline, sqlBlock } from '../showText.ts'
import { countdown, moment } from '../showTime.ts'
import { decisionForms } from './decisionForms.ts'
import { effectSection } from './effectSection.ts'
import { neededText, stateBadge, titleOf } from './requestList.ts'

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
}

/** One request, complete: everything a surface shows, and the decision below it, where one arrives after reading. */
export function requestPage({ session, view, version, now, refusal, typedReason, status }: RequestInput): PageResponse {
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
<section aria-labelledby="what"><h2 id="what">What would run</h2>${view.what.fields.map((field) => shownField(view, field))}</section>
${effectSection(view)}
<section aria-labelledby="reason"><h2 id="reason">The agent’s reason <span class="unverified">unverified</span></h2>
${view.reason === null ? html`<p class="empty">It gave none.</p>` : html`<blockquote>${block(view.reason)}</blockquote>`}</section>
${live('decision', decisionForms({ view, session, typedReason }))}
</div>
<aside aria-label="Context">
${whoSection(view)}
${whySection(view)}
${recordSection(view)}
</aside>
</div>
</article>`,
  })
}

function statusLine(view: ReviewView, now: number): Html {
  const { state, expires_at, claim_by, settled_at, needs, who } = view
  return html`<p class="facts">
${stateBadge(view)}
${state === 'pending' ? html`<span class="when">${countdown(expires_at, now)}</span>` : ''}
${state === 'approved' && claim_by !== null ? html`<span class="when">to be collected: ${countdown(claim_by, now)}</span>` : ''}
${settled_at === null ? '' : html`<span>${moment(settled_at)}</span>`}
${needs.map((need) => html`<span>${neededText(need)}</span>`)}
<span>asked by ${inline(who.name ?? who.subject)}</span>
</p>
${view.votes.map(
  ({ by, verdict, via, at, reason }) => html`<p class="vote vote-${verdict}">
<strong>${verdict === 'approve' ? 'Approved' : 'Denied'}</strong> by ${inline(by)} through the ${SURFACES[via] ?? via}, ${moment(at)}${
    reason === null ? '' : html`<br><span class="said">${inline(reason)}</span>`
  }</p>`,
)}`
}

const SURFACES: Readonly<Record<string, string>> = {
  api: 'API',
  terminal: 'terminal',
  slack: 'Slack',
  console: 'console',
}

function warnings({ warnings, what }: ReviewView): Html | string {
  const masked = what.masked.map(({ where, why }) => `${where}: hidden (${why})`)
  if (warnings.length + masked.length === 0) return ''
  return html`<section class="callout careful" aria-labelledby="warnings"><h2 id="warnings">Look closely</h2>
<ul>${[...warnings, ...masked].map((warning) => html`<li>${inline(warning)}</li>`)}</ul></section>`
}

function shownField(view: ReviewView, { name, text, masked }: ReviewView['what']['fields'][number]): Html {
  const isSql = view.what.tool === 'run_sql' && name === 'sql'
  const lines = text.split('\n').length
  return html`<h3 class="field">${inline(name)}${masked ? html` <span class="unverified">partly hidden</span>` : ''}${
    lines > 40 || text.length > 4_000
      ? html` <span class="size">${lines.toLocaleString('en')} lines, ${text.length.toLocaleString('en')} characters, all of them below</span>`
      : ''
  }</h3>
${isSql ? sqlBlock(text) : block(text)}`
}

function whoSection({ who, where, what }: ReviewView): Html {
  const labels = Object.entries(where.labels).map(([name, value]) => `${name}=${value}`)
  const agent = [who.agent.name, who.agent.version].filter((part) => part !== null).join(' ')
  return html`<section aria-labelledby="who"><h2 id="who">Who and where</h2><dl>
${term('Caller', html`${inline(who.name ?? '(no name)')} <span class="quiet">${KINDS[who.kind] ?? who.kind}</span>`)}
${who.acting_for === null ? '' : term('Acts for', inline(who.acting_for))}
${term('Groups', who.groups === 'unknown' ? 'unknown' : inline(who.groups.join(', ') || 'none'))}
${term('Connection', inline([where.connection, ...labels].join(' · ')))}
${term('Tool', inline(what.tool))}
${term('Client', html`${inline(agent || '(unnamed)')} <span class="unverified">unverified</span>`)}
${term('Subject', html`<span class="id">${inline(who.subject)}</span>`)}
${term('App', html`<span class="id">${inline(who.app)}</span>`)}
${who.blueprint === null ? '' : term('Blueprint', html`<span class="id">${inline(who.blueprint)}</span>`)}
${term('Directory', html`<span class="id">${inline([who.provider, who.tenant].filter((part) => part !== null).join(' / '))}</span>`)}
</dl></section>`
}

const KINDS: Readonly<Record<string, string>> = {
  user: 'a person',
  agent_on_behalf_of_user: 'an agent, for a person',
  agent_user: 'an agent with an account of its own',
  agent: 'an agent',
  app: 'an application',
}

function whySection({ why }: ReviewView): Html {
  return html`<section aria-labelledby="why"><h2 id="why">Why it was stopped</h2><ul class="reasons">${why.map(
    ({ operation, action, policy, rule, source, reason, because, facts }) => html`<li>
<p><strong>${inline(operation)}</strong> <span class="quiet">${ACTIONS[action]}</span></p>
${because === null ? '' : html`<p>${inline(because)}</p>`}
<p>${policy === null ? html`because of: ${inline(reason)}` : html`policy ${inline(policy)}, rule ${inline(rule ?? '?')}`}${
      source === null ? '' : html` <span class="id">${inline(source)}</span>`
    }</p>
${factList(facts)}
</li>`,
  )}</ul></section>`
}

const ACTIONS = { allow: 'allowed', 'require-approval': 'needs approval', deny: 'denied' } as const

function factList(facts: ReviewView['why'][number]['facts']): Content {
  const told = Object.entries(facts)
    .map(([name, value]) => ({ name, text: factText(value) }))
    .filter(({ text }) => text !== '')
  if (told.length === 0) return ''
  return html`<dl class="facts-list">${told.map(({ name, text }) => term(name, inline(text)))}</dl>`
}

function factText(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value)
}

function recordSection({ id, digest, created_at, expires_at, calls }: ReviewView): Html {
  return html`<section aria-labelledby="record"><h2 id="record">On record</h2><dl>
${term('Asked', moment(created_at))}
${term('Expires', moment(expires_at))}
${term('Id', html`<span class="id">${id}</span>`)}
${term('Digest', html`<span class="id">${digest}</span>`)}
${term('Asked by', html`<a class="id" href="/console/calls/${calls.asked}">${calls.asked}</a>`)}
${calls.executed === null ? '' : term('Executed by', html`<a class="id" href="/console/calls/${calls.executed}">${calls.executed}</a>`)}
</dl></section>`
}

function term(name: string, value: Content): Html {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`
}
