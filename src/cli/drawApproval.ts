import { drawDiff } from '../approvals/diffText.ts'
import type { ReviewView } from '../approvals/review.ts'
import { showHidden } from '../approvals/suspiciousText.ts'

/** Open requests as a table, one line each. Nothing in it can move the cursor or colour the terminal. */
export function drawApprovalTable(approvals: readonly ReviewView[], now: number): string {
  if (approvals.length === 0) return 'No requests are waiting.\n'
  const rows = approvals.map((view) => [
    view.id,
    view.state,
    remaining(view, now),
    view.who.name ?? view.who.subject,
    `${view.what.tool} on ${view.where.connection}`,
    oneLine(view.what.fields.map((field) => field.text).join(' ')),
  ])
  const table = [['ID', 'STATE', 'TIME LEFT', 'CALLER', 'WHAT', 'REQUEST (shortened: use `show`)'], ...rows]
  const shown = table.map((row) => row.map(oneLine))
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.min(34, Math.max(...shown.map((row) => (row[column] ?? '').length))),
  )
  const lines = shown.map((row) =>
    row.map((cell, column) =>
      column < 5 ? cut(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0) : cut(cell, 60),
    ),
  )
  return `${lines.map((line) => line.join('  ').trimEnd()).join('\n')}\n`
}

/**
 * One request, complete, for a person who is about to decide. Every text of the agent is escaped and set apart; lines
 * are broken here, because the rest of one that the terminal breaks looks like a line of ours.
 */
export function drawApproval(view: ReviewView, now: number, columns = process.stdout.columns ?? 100): string {
  const { who, what, where, effect } = view
  const lines = [
    `Request ${view.id}: ${view.state}${view.state === 'pending' ? ` (${remaining(view, now)} left)` : ''}`,
    ...view.warnings.map((warning) => `! WARNING  ${showHidden(warning)}`),
    ...(what.masked.length > 0
      ? [`! HIDDEN   ${what.masked.map(({ where: at, why }) => `${at}: ${why}`).join('; ')}`]
      : []),
    '',
    labelled('Who', `${who.name ?? '(no name)'} · ${who.kind} ${who.subject} · app ${who.app}`),
    ...(who.acting_for === null ? [] : [labelled('For', who.acting_for)]),
    labelled('Groups', who.groups === 'unknown' ? 'unknown' : who.groups.join(', ') || 'none'),
    labelled(
      'Agent',
      `${[who.agent.name, who.agent.version].join(' ').trim() || '(unnamed)'} (says the client, unverified)`,
    ),
    labelled(
      'Where',
      [where.connection, ...Object.entries(where.labels).map(([name, value]) => `${name}=${value}`)].join(' · '),
    ),
    labelled('Tool', what.tool),
    ...drawChange(view.change),
    ...what.fields.flatMap(({ name, text }) => ['', `${showHidden(name)}:`, quoted(text)]),
    '',
    'Effect:',
    ...drawEffect(effect),
    ...(view.limits.max_rows === null ? [] : [`  rolled back if it changes more than ${view.limits.max_rows} rows`]),
    '',
    'Why it was stopped:',
    ...view.why.map(
      ({ operation, action, policy, rule, source, because }) =>
        `  ${showHidden(operation)}: ${action} · ${[policy, rule, source, because]
          .filter((part) => part !== null)
          .map(inline)
          .join(' · ')}`,
    ),
    '',
    'Reason given by the agent (unverified):',
    quoted(view.reason ?? '(none)'),
    '',
    ...view.needs.map((need) => labelled('Needs', `${need.approved} of ${need.at_least} from ${need.reviewers}`)),
    ...view.votes.map((vote) =>
      labelled('Vote', `${vote.verdict} by ${vote.by} at ${vote.at}${vote.reason === null ? '' : `: ${vote.reason}`}`),
    ),
    ...(view.escalation === null ? [] : [labelled('Moves', escalationText(view.escalation))]),
    ...(view.replaced_by === null
      ? []
      : [labelled('Changed', `by ${view.replaced_by.by}: ${view.replaced_by.id} took its place`)]),
    labelled('Expires', view.expires_at),
  ]
  const broken = lines.flatMap((line) => line.split('\n')).flatMap((line) => breakLine(line, columns))
  // To be copied as a whole.
  return `${[...broken, labelled('Digest', view.digest)].join('\n')}\n`
}

/** What goes on in another line. */
const GOES_ON = '  ↳ '
/** A terminal may be narrow, but not so narrow that nothing fits behind the mark. */
const MIN_COLUMNS = 40

function breakLine(line: string, columns: number): readonly string[] {
  const width = Math.max(columns, MIN_COLUMNS)
  const parts: string[] = []
  let part = ''
  let room = width
  for (const character of line) {
    // Terminals draw many characters beyond ASCII in two columns; taking all for wide is the safe side, as is a whole tab.
    const size = character === '\t' ? 8 : character > '\x7f' ? 2 : 1
    if (size > room) {
      parts.push(part)
      part = GOES_ON
      room = width - 2 * GOES_ON.length
    }
    part += character
    room -= size
  }
  return [...parts, part]
}

/** What a reviewer changed. The signs stand behind the bar, where the text cannot draw them. */
function drawChange(change: ReviewView['change']): readonly string[] {
  if (change === null) return []
  const { by, via, instead_of, note, fields, authors } = change
  return [
    labelled('Changed', `by ${by} (${via}), in the place of ${instead_of}; not approved by ${authors.join(', ')}`),
    ...(note === null ? [] : [labelled('Why', note)]),
    ...fields.flatMap(({ name, diff }) => ['', `${showHidden(name)}, before (-) and now (+):`, quoted(drawDiff(diff))]),
  ]
}

function escalationText({ to, at, done, from }: NonNullable<ReviewView['escalation']>): string {
  return done
    ? `moved from ${from.join(' and ')} to ${to.join(' and ')} at ${at}`
    : `to ${to.join(' and ')} at ${at}, when nobody has decided by then`
}

function drawEffect(effect: ReviewView['effect']): readonly string[] {
  if (effect === null) return ['  no preview could be made']
  const { rows, lines, sample } = effect
  const isCounted = rows === undefined || lines.some((line) => line.startsWith(`${rows} row`))
  return [
    ...(isCounted ? [] : [`  ${rows} rows`]),
    ...lines.map((line) => `  ${inline(line)}`),
    ...effect.missing.map((line) => `  not shown: ${inline(line)}`),
    ...(sample === undefined || sample.rows.length === 0
      ? []
      : ['  for example:', ...[sample.columns, ...sample.rows].map((row) => `    ${row.map(inline).join(' | ')}`)]),
    ...(effect.texts ?? []).flatMap(({ title, text }) => ['', `  ${inline(title)}:`, quoted(text)]),
  ]
}

function labelled(label: string, text: string): string {
  return `${label.padEnd(8)} ${inline(text)}`
}

/** Set apart by a bar that the text inside cannot draw at the start of a line by itself. */
function quoted(text: string): string {
  return showHidden(text)
    .split('\n')
    .map((line) => `  │ ${line}`)
    .join('\n')
}

/** A text that must stay on its line. */
function inline(text: string): string {
  return showHidden(text).replaceAll('\n', '⏎').replaceAll('\t', ' ')
}

function oneLine(text: string): string {
  return inline(text.replaceAll(/\s+/g, ' '))
}

function cut(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}

function remaining({ state, expires_at, claim_by }: ReviewView, now: number): string {
  const until = state === 'pending' ? expires_at : state === 'approved' ? claim_by : null
  if (until === null) return '-'
  const seconds = Math.max(0, Math.round((Date.parse(until) - now) / 1000))
  if (seconds < 60) return `${seconds}s`
  return seconds < 3600
    ? `${Math.floor(seconds / 60)}m`
    : `${Math.floor(seconds / 3600)}h${Math.floor((seconds % 3600) / 60)}m`
}
