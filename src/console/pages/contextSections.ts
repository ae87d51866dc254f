import type { ReviewView } from '../../approvals/review.ts'
import { type Content, type Html, html } from '../html.ts'
import { inline } from '../showText.ts'
import { moment } from '../showTime.ts'

/** What stands around the operation: who asks, why it was stopped, and under which names it is on record. */
export function contextSections(view: ReviewView): Html {
  return html`<aside aria-label="Context">
${whoSection(view)}
${whySection(view)}
${recordSection(view)}
</aside>`
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
