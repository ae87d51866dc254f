import type { ApprovalState } from '../approvals/approval.ts'
import { drawDiff } from '../approvals/diffText.ts'
import type { ReviewView } from '../approvals/review.ts'
import type { Block } from './slackApi.ts'
import { oneLine, plainText, type Room, textBlock } from './untrustedText.ts'

/** A longer text, and how much of it a message has room for. */
export interface Section {
  /** Ours. */
  readonly label: string
  readonly text: string
  readonly room: Room
}

/** A short value, which stays on its line. */
export interface Fact {
  readonly label: string
  readonly text: string
  readonly most: number
}

/** Slack refuses messages above about 11 000 characters, whatever its documentation says. All rooms together are less. */
const REQUEST_ROOM: Room = { characters: 1_800, lines: 28 }
const EFFECT_ROOM: Room = { characters: 1_000, lines: 20 }
const EFFECT_TEXT_ROOM: Room = { characters: 1_500, lines: 40 }
const CHANGE_ROOM: Room = { characters: 500, lines: 16 }
const NOTE_ROOM: Room = { characters: 150, lines: 4 }
const WHY_ROOM: Room = { characters: 850, lines: 16 }
const REASON_ROOM: Room = { characters: 600, lines: 10 }
export const MOST_FIELDS = 4

export const TITLES: Readonly<Record<ApprovalState, string>> = {
  pending: 'Approval needed',
  approved: 'Approved, not run yet',
  denied: 'Denied',
  expired: 'Expired',
  withdrawn: 'Withdrawn',
  modified: 'Changed by a reviewer',
  executing: 'Approved, running',
  executed: 'Approved and executed',
  failed: 'Approved, failed',
  unknown: 'Approved, outcome unknown',
}

/** At most ten: Slack takes no more in one block. */
export function factsOf({ who, where, needs, limits, change, escalation }: ReviewView): readonly Fact[] {
  const labels = Object.entries(where.labels).map(([name, value]) => `${name}=${value}`)
  const agent = [who.agent.name, who.agent.version].filter((part) => part !== null).join(' ')
  const groups = who.groups === 'unknown' ? 'unknown' : who.groups.join(', ') || 'none'
  return [
    { label: 'Caller', text: `${who.name ?? '(no name)'} · ${who.kind} ${who.subject}`, most: 250 },
    { label: 'App', text: who.app, most: 150 },
    ...(who.acting_for === null ? [] : [{ label: 'Acting for', text: who.acting_for, most: 250 }]),
    { label: 'Groups', text: groups, most: 400 },
    { label: 'Agent (says the client, unverified)', text: agent || '(unnamed)', most: 150 },
    { label: 'Where', text: [where.connection, ...labels].join(' · '), most: 300 },
    {
      label: 'Needs',
      text: needs.map(({ approved, at_least, reviewers }) => `${approved} of ${at_least} from ${reviewers}`).join(', '),
      most: 200,
    },
    ...(change === null
      ? []
      : [
          {
            label: 'Changed by',
            text: `${change.by}, instead of ${change.instead_of}`,
            most: 150,
          },
        ]),
    ...(escalation === null || !escalation.done
      ? []
      : [{ label: 'Escalated', text: `from ${escalation.from.join(', ')} to ${escalation.to.join(', ')}`, most: 150 }]),
    ...(limits.max_rows === null ? [] : [{ label: 'Rolled back above', text: `${limits.max_rows} rows`, most: 60 }]),
  ]
}

/** What there is to read, in the order in which it matters. Untrusted, and masked. */
export function sectionsOf(view: ReviewView, mostFields = MOST_FIELDS): readonly Section[] {
  const fields = view.what.fields.slice(0, mostFields)
  const share = {
    characters: Math.floor(REQUEST_ROOM.characters / Math.max(1, fields.length)),
    lines: Math.floor(REQUEST_ROOM.lines / Math.max(1, fields.length)),
  }
  return [
    ...fields.map(({ name, text, masked }) => ({
      label: `Request: ${oneLine(name, 60).text}${masked ? ' (parts are hidden)' : ''}`,
      ...{ text, room: share },
    })),
    ...hiddenSection(view),
    ...changeSections(view),
    { label: 'Effect', text: effectOf(view), room: EFFECT_ROOM },
    ...effectTexts(view),
    { label: 'Why it was stopped', text: view.why.map(whyLine).join('\n'), room: WHY_ROOM },
    { label: 'Reason given by the agent (unverified)', text: view.reason ?? '(none)', room: REASON_ROOM },
  ]
}

/** All differences in one section: what would run stands above it, whole. */
function changeSections({ change }: ReviewView): readonly Section[] {
  if (change === null) return []
  const text = change.fields
    .map(({ name, diff }) =>
      change.fields.length === 1 ? drawDiff(diff) : `${oneLine(name, 60).text}:\n${drawDiff(diff)}`,
    )
    .join('\n')
  const note = { label: 'Why a reviewer changed it', text: change.note ?? '', room: NOTE_ROOM }
  return [
    {
      label: 'What a reviewer changed: before (-) and now (+)',
      text: text || '(nothing that is shown)',
      room: CHANGE_ROOM,
    },
    ...(change.note === null ? [] : [note]),
  ]
}

function hiddenSection({ what }: ReviewView): readonly Section[] {
  if (what.masked.length === 0) return []
  const text = what.masked.map(({ where, why, count }) => `${where}: ${why} (${count})`).join('\n')
  return [{ label: 'Hidden values', text, room: { characters: 400, lines: 6 } }]
}

/** Diffs and the like share one room; what does not fit is read elsewhere, and then there is no one-click approval. */
function effectTexts({ effect }: ReviewView): readonly Section[] {
  const texts = effect?.texts ?? []
  const share = {
    characters: Math.floor(EFFECT_TEXT_ROOM.characters / Math.max(1, texts.length)),
    lines: Math.floor(EFFECT_TEXT_ROOM.lines / Math.max(1, texts.length)),
  }
  return texts.map(({ title, text }) => ({ label: oneLine(title, 60).text, text, room: share }))
}

function effectOf({ effect }: ReviewView): string {
  if (effect === null) return 'No preview could be made.'
  const { rows, lines, missing, sample } = effect
  const isCounted = rows === undefined || lines.some((line) => line.startsWith(`${rows} row`))
  return [
    ...(isCounted ? [] : [`${rows} rows`]),
    ...lines,
    ...missing.map((line) => `not shown: ${line}`),
    ...(sample === undefined || sample.rows.length === 0
      ? []
      : ['for example:', ...[sample.columns, ...sample.rows].map((row) => `  ${row.map(cell).join(' | ')}`)]),
  ].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('\n', '⏎')
}

function whyLine({ operation, action, policy, rule, source, because, facts }: ReviewView['why'][number]): string {
  const from = [policy, rule === null ? null : `rule ${rule}`, source, because].filter((part) => part !== null)
  const known = Object.entries(facts).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return [`${operation}: ${action}`, ...from, ...known].join(' · ')
}

export function warningBlocks({ warnings }: ReviewView): readonly Block[] {
  return warnings
    .slice(0, MOST_WARNINGS)
    .map((warning) => textBlock(`⚠ CHECK WITH CARE: ${oneLine(warning, 200).text}`))
}

/** One kind of warning for each of a few texts; more than this says nothing new. */
const MOST_WARNINGS = 4

/** Ids and times: ours, so that Slack's markup can say the time in the reader's zone. */
export function footer({ id, digest, expires_at, state }: ReviewView): Block {
  const seconds = Math.floor(Date.parse(expires_at) / 1000)
  const until = state === 'pending' ? ` · expires <!date^${seconds}^{date_short_pretty} {time}|${expires_at}>` : ''
  const text = `\`${id}\` · \`${digest.slice(0, 28)}\`${until}`
  return { type: 'context', elements: [{ type: 'mrkdwn', text, verbatim: true }] }
}

/** The id of that button: clicking it decides nothing. */
export const OPEN_LINK = 'countersign_open'

export function linkButton(url: string): Block {
  return { type: 'button', action_id: OPEN_LINK, url, text: plainText('Open in the console') }
}

/** For requests that are too much for Slack. */
export function elsewhere(id: string): string {
  return `Read it with: countersign approvals show ${id}`
}
