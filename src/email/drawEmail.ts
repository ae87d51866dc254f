import type { Approval, ApprovalEvent } from '../approvals/approval.ts'
import type { LinkTo } from '../approvals/notifier.ts'
import { type ReviewView, reviewViewOf } from '../approvals/review.ts'
import { showHidden } from '../approvals/suspiciousText.ts'

export interface Email {
  readonly subject: string
  /** Plain text. What an agent or a target wrote is masked, and set apart by a bar. */
  readonly text: string
}

interface DrawParts {
  readonly content: 'summary' | 'full'
  readonly nameGroup: (id: string) => string
  readonly linkTo: LinkTo
}

/** One piece of news about a request as a mail. The request is shown as it is now, which may be later than the event. */
export function drawEmail(event: ApprovalEvent | 'reminder', approval: Approval, parts: DrawParts): Email {
  const view = reviewViewOf(approval, parts.nameGroup)
  // Whoever it was escalated to reads of it for the first time.
  const isNew = event !== 'reminder' && (event.kind === 'requested' || event.kind === 'escalated')
  return {
    // Answers have the same subject, so that mail programs keep them together.
    subject: `${event !== 'reminder' && event.kind === 'requested' ? '' : 'Re: '}[Countersign] ${view.what.tool} on ${view.where.connection}: approval for ${callerOf(view)} (${view.id.slice(-6)})`,
    text: [
      headline(event, view),
      '',
      ...summaryOf(view),
      ...(parts.content === 'full' && isNew ? fullTextOf(view) : []),
      '',
      ...whereTo(view, parts.linkTo(view.id)),
      '',
    ].join('\n'),
  }
}

function headline(event: ApprovalEvent | 'reminder', view: ReviewView): string {
  if (event === 'reminder') return `Still waiting for a decision. It expires at ${view.expires_at}.`
  const { vote } = event
  const by = vote === undefined ? 'somebody' : line(vote.name ?? vote.subject, 80)
  switch (event.kind) {
    case 'requested':
      return view.state === 'pending'
        ? 'A call waits for your decision.'
        : `A call waited for a decision. It is ${view.state} by now.`
    case 'voted':
      return `${by} approved; more votes are needed.`
    case 'decided':
      return vote?.verdict === 'deny' ? `Denied by ${by}.` : `Approved by ${by}.`
    case 'expired':
      return 'It has expired, which means it is denied.'
    case 'withdrawn':
      return 'It was withdrawn: nothing is left to decide.'
    case 'modified':
      return 'A reviewer wrote another request in its place; this one can no longer run.'
    case 'escalated':
      return 'Nobody has decided yet: it now waits for you.'
    case 'settled':
      return `The approved call has ended: ${view.state}.`
  }
}

function summaryOf(view: ReviewView): readonly string[] {
  const { who, where, why, needs, what } = view
  const labels = Object.entries(where.labels).map(([name, value]) => `${name}=${value}`)
  const rules = [...new Set(why.flatMap(({ policy, rule }) => (policy === null ? [] : [`${policy} / ${rule ?? '-'}`])))]
  return [
    labelled('Who', `${callerOf(view)} (${who.kind})`),
    ...(who.acting_for === null ? [] : [labelled('For', who.acting_for)]),
    labelled('What', what.tool),
    labelled('Where', [where.connection, ...labels].join(', ')),
    ...(rules.length === 0 ? [] : [labelled('Rule', rules.join(', '))]),
    ...needs.map(({ approved, at_least, reviewers }) =>
      labelled('Needs', `${approved} of ${at_least} from ${reviewers}`),
    ),
    ...(view.state === 'pending' ? [labelled('Expires', view.expires_at)] : []),
    ...view.warnings.map((warning) => labelled('CAREFUL', warning)),
  ]
}

function fullTextOf({ what, effect, reason }: ReviewView): readonly string[] {
  const effectLines = effect === null ? ['no preview could be made'] : [...effect.lines, ...effect.missing]
  return [
    ...what.fields.flatMap(({ name, text }) => ['', `${line(name, 60)}:`, quoted(text)]),
    '',
    'Effect:',
    ...effectLines.map(quoted),
    ...(effect?.texts ?? []).flatMap(({ title, text }) => ['', `${line(title, 80)}:`, quoted(text)]),
    '',
    'Reason given by the agent (unverified):',
    quoted(reason ?? '(none)'),
  ]
}

function whereTo({ id, state }: ReviewView, link: string | undefined): readonly string[] {
  const address = link ?? `countersign approvals show ${id}`
  return state === 'pending'
    ? [
        'Read and decide it here, after logging in:',
        address,
        '',
        'Nothing in this mail decides, and no answer to it does.',
      ]
    : ['Its record:', address]
}

function callerOf({ who }: ReviewView): string {
  return line(who.name ?? who.subject, 60)
}

function labelled(label: string, text: string): string {
  return `${`${label}:`.padEnd(9)}${line(text, 300)}`
}

/** A text that must stay on its line, and short. */
function line(text: string, most: number): string {
  const shown = [...showHidden(text.replaceAll(/\s+/g, ' '))]
  return shown.length <= most ? shown.join('') : `${shown.slice(0, most - 1).join('')}…`
}

/** Set apart by a bar that the text inside cannot draw at the start of a line by itself. */
function quoted(text: string): string {
  return showHidden(text)
    .split('\n')
    .map((one) => `  | ${one}`)
    .join('\n')
}
