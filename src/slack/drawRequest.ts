import type { ApprovalState } from '../approvals/approval.ts'
import type { ReviewView } from '../approvals/review.ts'
import { buttonValue } from './reference.ts'
import type { Block, Message, Modal } from './slackApi.ts'
import { codeBlock, excerptOf, oneLine, piecesOf, plainText, type Room, textBlock, visible } from './untrustedText.ts'

/** Action and callback ids: exactly these are answered. */
export const ACTIONS = {
  approve: 'countersign_approve',
  deny: 'countersign_deny',
  review: 'countersign_review',
} as const
export const CALLBACKS = { deny: 'countersign_deny_form', review: 'countersign_review_form' } as const
export const REASON = { block: 'countersign_reason', action: 'countersign_reason_text', most: 500 } as const
export const READ = { block: 'countersign_read', action: 'countersign_read_all', value: 'read' } as const

/**
 * Where in Slack a pending request can be approved. `message`: with one click and a confirmation. `modal`: only where all
 * of it is shown. `elsewhere`: not in Slack, because Slack cannot show all of it.
 */
export type ApprovablePlace = 'message' | 'modal' | 'elsewhere'

/** The address of a request where Slack's limits do not apply, when there is one. */
export type LinkTo = (approvalId: string) => string | undefined

interface Section {
  /** Ours. */
  readonly label: string
  readonly text: string
  readonly room: Room
}

interface Fact {
  readonly label: string
  readonly text: string
  readonly most: number
}

/** Slack refuses messages above about 11 000 characters, whatever its documentation says. All rooms together are less. */
const REQUEST_ROOM: Room = { characters: 2_000, lines: 30 }
const EFFECT_ROOM: Room = { characters: 1_000, lines: 20 }
const WHY_ROOM: Room = { characters: 1_000, lines: 16 }
const REASON_ROOM: Room = { characters: 600, lines: 10 }
const MOST_FIELDS = 4

/** The message of a request, in whichever state it is. The same record gives the same message. */
export function drawRequest(view: ReviewView, linkTo: LinkTo): Message {
  const { title, complete, blocks } = layOut(view)
  const isPending = view.state === 'pending'
  const place = approvablePlace(view, complete)
  return {
    text: `${TITLES[view.state]}: ${view.id}`,
    blocks: [
      header(title),
      ...warningBlocks(view),
      ...blocks,
      ...(complete || !isPending ? [] : [textBlock(NOT_ALL[place])]),
      ...(isPending ? [] : outcomeBlocks(view)),
      footer(view),
      ...(isPending ? [buttons(view, place, linkTo)] : []),
    ],
  }
}

/** Stands for a request that Slack would not take as it is. */
export function drawUnshown(view: ReviewView, linkTo: LinkTo): Message {
  const link = linkTo(view.id)
  return {
    text: `${TITLES[view.state]}: ${view.id}`,
    blocks: [
      header(TITLES[view.state]),
      textBlock(`Slack could not show this request. It waits for reviewers all the same: ${elsewhere(view.id)}`),
      footer(view),
      ...(link === undefined || view.state !== 'pending' ? [] : [{ type: 'actions', elements: [linkButton(link)] }]),
    ],
  }
}

/** Where this request can be approved, as it would be drawn now. */
export function placeOf(view: ReviewView): ApprovablePlace {
  return approvablePlace(view, layOut(view).complete)
}

/** Everything there is to read, in a modal; approved there when all of it fits. */
export function drawFullText(view: ReviewView, linkTo: LinkTo): Modal {
  const whole = fullBlocks(view)
  const fits = fitsModal(whole)
  const link = linkTo(view.id)
  const isPending = view.state === 'pending'
  return {
    ...modal(CALLBACKS.review, 'Review request', buttonValue(view)),
    ...(isPending && fits && { submit: plainText('Approve') }),
    blocks: [
      ...(fits ? whole : [textBlock(`This request is too long for Slack. ${elsewhere(view.id)}`), footer(view)]),
      ...(fits || link === undefined ? [] : [{ type: 'actions', elements: [linkButton(link)] }]),
      ...(isPending && fits ? [confirmation()] : []),
      ...(isPending ? [] : [textBlock(`${TITLES[view.state]}. Nothing is left to decide.`)]),
    ],
  }
}

export function drawDenyForm(view: ReviewView): Modal {
  const element = {
    ...{ type: 'plain_text_input', action_id: REASON.action, multiline: true, min_length: 1, max_length: REASON.most },
    placeholder: plainText('What would have to differ?'),
  }
  return {
    ...modal(CALLBACKS.deny, 'Deny request', buttonValue(view)),
    submit: plainText('Deny'),
    blocks: [
      textBlock(oneLine(`${view.what.tool} on ${view.where.connection}`, 200).text),
      footer(view),
      {
        ...{ type: 'input', block_id: REASON.block, element, label: plainText('Reason') },
        hint: plainText('The agent is told.'),
      },
    ],
  }
}

/** A modal that only says something. */
export function drawNotice(text: string): Modal {
  return { ...modal('countersign_notice', 'Countersign', ''), blocks: [textBlock(oneLine(text, 2_000).text)] }
}

export const TITLES: Readonly<Record<ApprovalState, string>> = {
  pending: 'Approval needed',
  approved: 'Approved, not run yet',
  denied: 'Denied',
  expired: 'Expired',
  withdrawn: 'Withdrawn',
  executing: 'Approved, running',
  executed: 'Approved and executed',
  failed: 'Approved, failed',
  unknown: 'Approved, outcome unknown',
}

const NOT_ALL: Readonly<Record<ApprovablePlace, string>> = {
  message: '',
  modal: 'NOT EVERYTHING IS SHOWN HERE. Open the full text before you decide.',
  elsewhere: 'NOT EVERYTHING IS SHOWN HERE, and it is too long for Slack.',
}

const MODAL_BLOCKS = 90
/** Slack takes 250 KB, and sends all of it back as a form when it is submitted. */
const MODAL_BYTES = 200_000
const MODAL_FORM_BYTES = 600_000
const MODAL_PIECE = 2_500

function approvablePlace(view: ReviewView, complete: boolean): ApprovablePlace {
  if (view.one_click && complete) return 'message'
  return fitsModal(fullBlocks(view)) ? 'modal' : 'elsewhere'
}

function fitsModal(whole: readonly Block[]): boolean {
  const json = JSON.stringify(whole)
  const form = new URLSearchParams({ payload: json }).toString()
  return whole.length <= MODAL_BLOCKS && Buffer.byteLength(json) <= MODAL_BYTES && form.length <= MODAL_FORM_BYTES
}

function layOut(view: ReviewView): { title: string; complete: boolean; blocks: readonly Block[] } {
  const facts = factsOf(view).map(({ label, text, most }) => {
    const cut = oneLine(text, most)
    return { ...cut, text: `${label}: ${cut.text}` }
  })
  const sections = sectionsOf(view)
  const drawn = sections.map(({ label, text, room }) => drawExcerpt(label, text, room))
  const title = oneLine(`${TITLES[view.state]} · ${view.what.tool} on ${view.where.connection}`, 150)
  const complete = [title, ...facts, ...drawn].every((part) => part.complete) && view.what.fields.length <= MOST_FIELDS
  return {
    title: title.text,
    complete,
    blocks: [
      { type: 'section', fields: facts.map(({ text }) => plainText(text)) },
      ...drawn.flatMap((part) => part.blocks),
    ],
  }
}

function drawExcerpt(label: string, text: string, room: Room): { complete: boolean; blocks: readonly Block[] } {
  const { complete, head, tail, left } = excerptOf(visible(text), room)
  if (complete) return { complete, blocks: [textBlock(label), codeBlock(head)] }
  // Outside of the code, where the agent's text cannot imitate it.
  const gap = `NOT SHOWN: ${left.characters} of ${left.of} characters. The end follows.`
  return { complete, blocks: [textBlock(label), codeBlock(head), textBlock(gap), codeBlock(tail)] }
}

function fullBlocks(view: ReviewView): readonly Block[] {
  const facts = factsOf(view).map(({ label, text }) => `${label}: ${visible(text).replaceAll('\n', '⏎')}`)
  return [
    ...warningBlocks(view),
    ...piecesOf(facts.join('\n'), MODAL_PIECE).map(codeBlock),
    ...sectionsOf(view, Number.POSITIVE_INFINITY).flatMap(({ label, text }) => [
      textBlock(label),
      ...piecesOf(visible(text), MODAL_PIECE).map(codeBlock),
    ]),
    footer(view),
  ]
}

/** At most ten: Slack takes no more in one block. */
function factsOf({ who, where, needs, limits }: ReviewView): readonly Fact[] {
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
    ...(limits.max_rows === null ? [] : [{ label: 'Rolled back above', text: `${limits.max_rows} rows`, most: 60 }]),
  ]
}

function sectionsOf(view: ReviewView, mostFields = MOST_FIELDS): readonly Section[] {
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
    { label: 'Effect', text: effectOf(view), room: EFFECT_ROOM },
    { label: 'Why it was stopped', text: view.why.map(whyLine).join('\n'), room: WHY_ROOM },
    { label: 'Reason given by the agent (unverified)', text: view.reason ?? '(none)', room: REASON_ROOM },
  ]
}

function hiddenSection({ what }: ReviewView): readonly Section[] {
  if (what.masked.length === 0) return []
  const text = what.masked.map(({ where, why, count }) => `${where}: ${why} (${count})`).join('\n')
  return [{ label: 'Hidden values', text, room: { characters: 400, lines: 6 } }]
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

function warningBlocks({ warnings }: ReviewView): readonly Block[] {
  return warnings
    .slice(0, MOST_WARNINGS)
    .map((warning) => textBlock(`⚠ CHECK WITH CARE: ${oneLine(warning, 200).text}`))
}

/** One kind of warning for each of a few texts; more than this says nothing new. */
const MOST_WARNINGS = 4

const MOST_VOTES = 5

function outcomeBlocks({ votes }: ReviewView): readonly Block[] {
  return votes.slice(-MOST_VOTES).map(({ verdict, by, via, at, reason }) => {
    const said = `${verdict === 'approve' ? 'Approved' : 'Denied'} by ${oneLine(by, 100).text} via ${via} at ${at}`
    return textBlock(reason === null ? said : `${said}: ${oneLine(reason, 200).text}`)
  })
}

/** Ids and times: ours, so that Slack's markup can say the time in the reader's zone. */
function footer({ id, digest, expires_at, state }: ReviewView): Block {
  const seconds = Math.floor(Date.parse(expires_at) / 1000)
  const until = state === 'pending' ? ` · expires <!date^${seconds}^{date_short_pretty} {time}|${expires_at}>` : ''
  const text = `\`${id}\` · \`${digest.slice(0, 28)}\`${until}`
  return { type: 'context', elements: [{ type: 'mrkdwn', text, verbatim: true }] }
}

function header(text: string): Block {
  return { type: 'header', text: plainText(text) }
}

function buttons(view: ReviewView, place: ApprovablePlace, linkTo: LinkTo): Block {
  const value = buttonValue(view)
  const button = (action_id: string, text: string, style?: 'primary' | 'danger') => ({
    ...{ type: 'button', action_id, value, text: plainText(text) },
    ...(style !== undefined && { style }),
  })
  const confirm = {
    title: plainText('Approve this request?'),
    text: plainText(
      `${oneLine(`${view.what.tool} on ${view.where.connection}`, 200).text}: exactly what is shown, once.`,
    ),
    confirm: plainText('Approve'),
    deny: plainText('Back'),
  }
  const link = linkTo(view.id)
  const first = {
    message: [
      { ...button(ACTIONS.approve, 'Approve', 'primary'), confirm },
      button(ACTIONS.review, 'Review full text…'),
    ],
    modal: [button(ACTIONS.review, 'Review full text…', 'primary')],
    elsewhere: [],
  }[place]
  const elements = [
    ...first,
    button(ACTIONS.deny, 'Deny…', 'danger'),
    ...(link === undefined ? [] : [linkButton(link)]),
  ]
  return { type: 'actions', block_id: `countersign_${view.id}`, elements }
}

function linkButton(url: string): Block {
  return { type: 'button', action_id: 'countersign_open', url, text: plainText('Open in the console') }
}

function confirmation(): Block {
  const option = { text: plainText('I have read all of it.'), value: READ.value }
  const element = { type: 'checkboxes', action_id: READ.action, options: [option] }
  return { type: 'input', block_id: READ.block, element, label: plainText('Confirm') }
}

function modal(callback_id: string, title: string, private_metadata: string) {
  return { type: 'modal' as const, callback_id, private_metadata, title: plainText(title), close: plainText('Close') }
}

function elsewhere(id: string): string {
  return `Read it with: countersign approvals show ${id}`
}
