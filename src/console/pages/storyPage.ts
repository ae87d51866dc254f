import type { TrailRecord } from '../../audit/event.ts'
import { describeRecord } from '../../audit/timeline.ts'
import type { Json } from '../../call.ts'
import type { PageResponse } from '../../mcp/pageRoute.ts'
import { type Content, type Html, html } from '../html.ts'
import type { Session } from '../openSessions.ts'
import { pageResponse } from '../pageLayout.ts'
import type { Story } from '../readStory.ts'
import { codeBlock, inline } from '../showText.ts'
import { moment } from '../showTime.ts'
import { sampleTable } from './effectSection.ts'

interface StoryInput {
  readonly session: Session
  readonly story: Story
}

/** One call, or a session from its first call to its last, as the trail tells it. */
export function storyPage({ session, story }: StoryInput): PageResponse {
  const isSession = story.kind === 'session'
  const who = callerOf(story.records)
  return pageResponse({
    title: isSession ? 'Session' : 'Call',
    section: 'history',
    session,
    body: html`<h1>${isSession ? 'A session, call by call' : 'One call'}</h1>
<p class="facts">
${who === undefined ? '' : html`<span>${inline(who)}</span>`}
<span class="id">${inline(story.id)}</span>
${isSession || story.session === undefined ? '' : html`<a href="/console/sessions/${story.session}">The whole session</a>`}
</p>
${story.truncated ? html`<p class="note">Only the first ${story.records.length} records are shown; <code>countersign audit show</code> prints all.</p>` : ''}
<ol class="story">${byCall(story.records).map(chapter)}</ol>`,
  })
}

interface Chapter {
  readonly call: string | undefined
  readonly records: TrailRecord[]
}

/** Records of one call together, calls in the order in which they began. */
function byCall(records: readonly TrailRecord[]): readonly Chapter[] {
  const chapters = new Map<string | undefined, Chapter>()
  for (const record of records) {
    const call = 'call' in record ? record.call : undefined
    const chapter = chapters.get(call) ?? { call, records: [] }
    chapter.records.push(record)
    chapters.set(call, chapter)
  }
  return [...chapters.values()]
}

function chapter({ call, records }: Chapter): Html {
  const about = records.find((record) => 'tool' in record && record.tool !== undefined)
  const tool = about !== undefined && 'tool' in about ? about.tool : undefined
  const connection = about !== undefined && 'connection' in about ? about.connection : undefined
  const agent = about !== undefined && 'agent' in about ? about.agent?.name : undefined
  const [first] = records
  return html`<li class="chapter">
<h2>${inline(tool ?? 'a call')}${connection === undefined ? '' : html` <span class="on">on</span> ${inline(connection)}`}</h2>
<p class="facts">${first === undefined ? '' : moment(first.at)}${agent === undefined ? '' : html`<span>through ${inline(agent)} <span class="unverified">unverified</span></span>`}${call === undefined ? '' : html`<a class="id" href="/console/calls/${call}">${call}</a>`}</p>
<ol class="events">${records.map(event)}</ol>
</li>`
}

function event(record: TrailRecord): Html {
  const { mood, words, details } = describeRecord(record)
  const requests = 'request' in record && record.request !== undefined ? Object.entries(record.request) : []
  // The description repeats who called what, which stands above, and the request, which is drawn as what it is.
  const repeated = new Set(requests.map(([name, text]) => `${name}: ${text}`))
  const call = 'call' in record ? `${record.call} ` : undefined
  const isAbout = (detail: string) => call !== undefined && detail.startsWith(call)
  const rest = details.filter((detail) => detail !== '' && !repeated.has(detail) && !isAbout(detail))
  const drawRequest = record.event !== 'approval.requested'
  return html`<li class="event mood-${mood}">
<p><span class="event-name">${EVENTS[record.event] ?? record.event}</span> ${inline(words)}</p>
${rest.map((detail) => html`<p class="detail">${inline(detail)}</p>`)}
${drawRequest ? requests.map(([name, text]) => requestField(name, text)) : ''}
${outputTable(record)}
${approvalLink(record)}
</li>`
}

const EVENTS: Readonly<Partial<Record<TrailRecord['event'], string>>> = {
  'call.decided': 'Policy',
  'call.refused': 'Refused',
  'call.denied': 'Denied',
  'call.deferred': 'Waits',
  'call.started': 'Begins',
  'call.committing': 'Commits',
  'call.finished': 'Finished',
  'approval.requested': 'Asks',
  'approval.decided': 'Decision',
  'approval.vote_refused': 'Vote refused',
  'approval.delivered': 'Delivered',
  'approval.escalated': 'Escalated',
  'approval.modified': 'Changed',
  'approval.revealed': 'Revealed',
  'approval.expired': 'Expired',
  'approval.withdrawn': 'Withdrawn',
}

function requestField(name: string, text: string): Html {
  return html`<p class="field">${inline(name)}</p>${codeBlock(text, LANGUAGES[name])}`
}

const SHOWN_ROWS = 20

/** The masked output, where policy recorded it. */
function outputTable(record: TrailRecord): Content {
  if (record.event !== 'call.finished' || record.output === undefined) return ''
  const { columns, rows } = (record.output ?? {}) as { columns?: unknown; rows?: unknown }
  if (!isTextList(columns) || !Array.isArray(rows) || rows.length === 0) return ''
  const shown = (rows as readonly unknown[]).slice(0, SHOWN_ROWS).filter(Array.isArray) as readonly (readonly Json[])[]
  const table = { columns, rows: shown.map((row) => row.map(cellText)) }
  const caption =
    rows.length > SHOWN_ROWS ? `The first ${SHOWN_ROWS} of ${rows.length} rows, masked` : 'What the agent got, masked'
  return sampleTable(table, caption)
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function cellText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function approvalLink(record: TrailRecord): Content {
  const approval = 'approval' in record ? record.approval : undefined
  if (approval === undefined || record.event !== 'approval.requested') return ''
  return html`<p class="detail"><a href="/console/requests/${approval}">The request</a></p>`
}

function callerOf(records: readonly TrailRecord[]): string | undefined {
  for (const record of records) {
    if ('caller' in record && record.caller !== undefined) return record.caller.name ?? record.caller.oid
  }
  return undefined
}

/** The trail keeps the words of a request, not their language. */
const LANGUAGES: Readonly<Record<string, string>> = {
  sql: 'sql',
  patch: 'diff',
  command: 'shell',
  manifest: 'yaml',
  body: 'json',
}
