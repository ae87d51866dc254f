import type { Approval } from '../approvals/approval.ts'
import { castVote } from '../approvals/castVote.ts'
import type { Reviewer } from '../approvals/membership.ts'
import { type ReviewView, reviewViewOf } from '../approvals/review.ts'
import { type Deed, listForReviewer, showToReviewer } from '../approvals/reviewDesk.ts'
import { GateError } from '../errors.ts'
import { changeRequest } from './changeRequest.ts'
import { drawDenyForm, drawFullText, drawModifyForm, drawNotice } from './drawModals.ts'
import { identifyReviewer } from './identifyReviewer.ts'
import { placeOf } from './layOut.ts'
import { linkAccount, unlinkOwnAccount } from './linkAccount.ts'
import { listDecisions } from './listDecisions.ts'
import {
  type Click,
  type Command,
  isLinkClick,
  type Origin,
  readClick,
  readCommand,
  readSubmission,
  type Submission,
  senderOf,
} from './readDelivery.ts'
import type { Message, Modal } from './slackApi.ts'
import { requireHome, type SlackDesk, say, shownHere } from './slackDesk.ts'
import { oneLine, textBlock } from './untrustedText.ts'

/** What is known about somebody who wants something, for the record if it is refused. */
interface Attempt {
  approvalId: string | undefined
  user: string | undefined
  team: string | undefined
  reviewer: Reviewer | undefined
  verdict: Deed | undefined
}

/** Answers a button. Slack has its acknowledgement already. Rejects never because of what was asked. */
export async function answerClick(body: unknown, desk: SlackDesk): Promise<void> {
  if (isLinkClick(body)) return
  const attempt = attemptOf(body)
  let click: Click | undefined
  try {
    click = readClick(body)
    switch (click.action) {
      case 'approve':
        attempt.verdict = 'approve'
        return await whisper(await approveAtOnce(click, attempt, desk), click.channel, click.user, desk)
      case 'deny':
        attempt.verdict = 'deny'
        return await openDenyForm(click, desk)
      case 'review':
        return await openWindow(click, attempt, desk, (view) => drawFullText(view, desk.linkTo))
      case 'modify':
        attempt.verdict = 'modify'
        return await openWindow(click, attempt, desk, (view) => drawModifyForm(view) ?? drawNotice(notHere(view)))
    }
  } catch (error) {
    const channel = click?.channel ?? desk.channel
    await refuse(error, attempt, desk, (text) => whisper(text, channel, attempt.user, desk))
  }
}

/** Answers a form. Slack has its acknowledgement already, and has closed the form. */
export async function answerSubmission(body: unknown, desk: SlackDesk): Promise<void> {
  const attempt = attemptOf(body)
  try {
    const submission = readSubmission(body)
    attempt.approvalId = submission.reference.approvalId
    attempt.verdict = submission.form === 'review' ? 'approve' : submission.form
    const message = await decideByForm(submission, attempt, desk)
    await whisper(message, desk.channel, submission.user, desk)
  } catch (error) {
    await refuse(error, attempt, desk, (text) => whisper(text, desk.channel, attempt.user, desk))
  }
}

/** Answers `/countersign`. What is returned is shown to the person who asked, and to nobody else. */
export async function answerCommand(body: unknown, desk: SlackDesk): Promise<Message> {
  const attempt = attemptOf(body)
  try {
    const command = readCommand(body)
    attempt.user = command.user
    attempt.team = command.team
    await requireHome(command, desk)
    return await obey(command, attempt, desk)
  } catch (error) {
    let answer = ''
    await refuse(error, attempt, desk, async (text) => {
      answer = text
    })
    return say(answer)
  }
}

async function approveAtOnce(click: Click, attempt: Attempt, desk: SlackDesk): Promise<string> {
  const { approval, reviewer } = await clicked(click, attempt, desk)
  if (approval.state === 'pending' && placeOf(viewOf(approval, desk)) !== 'message') {
    throw new GateError('ERR_SLACK_UNREAD')
  }
  return await cast(approval, reviewer, 'approve', undefined, desk)
}

/** At once, because Slack lets a form open for three seconds only. Who it is counts when the form is sent. */
async function openDenyForm(click: Click, desk: SlackDesk): Promise<void> {
  const approval = await shownHere(click, click.reference, click.channel, desk)
  if (approval.state !== 'pending') throw new GateError('ERR_VOTE_DECIDED', { detail: `It is ${approval.state}.` })
  await desk.api.openModal(click.trigger, drawDenyForm(viewOf(approval, desk)))
}

/** The window opens before it is known who asks, and shows nothing until then. */
async function openWindow(
  click: Click,
  attempt: Attempt,
  desk: SlackDesk,
  draw: (view: ReviewView) => Modal,
): Promise<void> {
  const window = await desk.api.openModal(click.trigger, drawNotice('One moment…'))
  try {
    const { approval, reviewer } = await clicked(click, attempt, desk)
    const shown = await showToReviewer(approval.id, reviewer, desk)
    await desk.api.updateModal(window, draw(viewOf(shown, desk)))
  } catch (error) {
    await refuse(error, attempt, desk, (text) => desk.api.updateModal(window, drawNotice(text)))
  }
}

function notHere({ id, state }: ReviewView): string {
  if (state !== 'pending') return `It is ${state}. Nothing is left to change.`
  return `This request is too long to be changed in Slack. Use the console, or: countersign approvals modify ${id} --edit`
}

async function decideByForm(submission: Submission, attempt: Attempt, desk: SlackDesk): Promise<string> {
  const { form, reason, hasRead } = submission
  const approval = await shownHere(submission, submission.reference, undefined, desk)
  const reviewer = await known(submission, attempt, desk)
  if (form === 'deny') return await cast(approval, reviewer, 'deny', reason, desk)
  if (form === 'modify') return await changeRequest(approval, reviewer, submission, desk)
  const canRead = approval.state !== 'pending' || placeOf(viewOf(approval, desk)) !== 'elsewhere'
  if (!canRead || !hasRead) throw new GateError('ERR_SLACK_UNREAD')
  return await cast(approval, reviewer, 'approve', undefined, desk)
}

const MOST_LISTED = 20

const HELP = [
  '/countersign pending: what waits for you',
  '/countersign decisions: what you decided lately',
  '/countersign link: your account in the directory, through the console',
  '/countersign unlink: ends that',
].join('\n')

async function obey(command: Command, attempt: Attempt, desk: SlackDesk): Promise<Message> {
  const [verb, argument, ...rest] = command.text.split(/\s+/)
  if (rest.length > 0 || (argument !== undefined && verb !== 'link')) return say(HELP)
  switch (verb) {
    case 'pending':
      return await listPending(await known(command, attempt, desk), desk)
    case 'decisions':
      return await listDecisions(await known(command, attempt, desk), desk)
    case 'link':
      return await linkAccount(command, argument, desk)
    case 'unlink':
      return await unlinkOwnAccount(command, desk)
    default:
      return say(HELP)
  }
}

async function listPending(reviewer: Reviewer, desk: SlackDesk): Promise<Message> {
  const { approvals } = await listForReviewer(reviewer, ['pending'], desk)
  const pending = approvals.filter(({ state }) => state === 'pending')
  if (pending.length === 0) return say('Nothing waits for a decision.')
  const lines = pending.slice(0, MOST_LISTED).map((approval) => {
    const { id, tool, connection, caller, expiresAt } = approval
    const until = new Date(expiresAt).toISOString()
    return oneLine(`${id} · ${tool} on ${connection} · ${caller.name ?? caller.subject} · until ${until}`, 300).text
  })
  const more = pending.length > MOST_LISTED ? [`and ${pending.length - MOST_LISTED} more`] : []
  return {
    text: `${pending.length} waiting for a decision`,
    blocks: [`${pending.length} waiting for a decision, newest first:`, ...lines, ...more].map(textBlock),
  }
}

/** The request and the person of a click, each checked. */
async function clicked(click: Click, attempt: Attempt, desk: SlackDesk) {
  const approval = await shownHere(click, click.reference, click.channel, desk)
  return { approval, reviewer: await known(click, attempt, desk) }
}

async function known({ team, user }: Origin, attempt: Attempt, desk: SlackDesk): Promise<Reviewer> {
  const reviewer = await identifyReviewer({ team, id: user }, desk.identify)
  attempt.reviewer = reviewer
  return reviewer
}

/** Counts the vote, if approvals lets it count, and says what became of it. */
async function cast(
  { id, digest }: Approval,
  reviewer: Reviewer,
  verdict: 'approve' | 'deny',
  text: string | undefined,
  desk: SlackDesk,
): Promise<string> {
  const reason = text === undefined || text === '' ? undefined : desk.maskText(text)
  const request = { approvalId: id, reviewer, verdict, via: 'slack' as const, digest, reason }
  const { approval, changed } = await castVote(request, desk)
  desk.wake()
  if (!changed) return 'Your vote was counted before.'
  switch (approval.state) {
    case 'pending':
      return 'Your approval counts. More people have to approve.'
    case 'denied':
      return 'Denied. The agent is told your reason.'
    default:
      return 'Approved. The agent may run it once.'
  }
}

/** No refusal goes unrecorded, and the person is told why. What is no refusal may have happened halfway. */
async function refuse(
  error: unknown,
  attempt: Attempt,
  desk: SlackDesk,
  tell: (text: string) => Promise<void>,
): Promise<void> {
  if (error instanceof GateError) {
    await desk.recordRefused({ ...attempt, code: error.code })
    desk.wake()
    await tell(`${error.message} ${error.next}`)
    return
  }
  desk.onProblem(error)
  await tell('Something went wrong. Whether your decision was counted is what the message of the request shows.')
}

function viewOf(approval: Approval, desk: SlackDesk): ReviewView {
  return reviewViewOf(approval, desk.nameGroup)
}

function attemptOf(body: unknown): Attempt {
  const { approvalId, user, team } = senderOf(body)
  return { approvalId, user, team, reviewer: undefined, verdict: undefined }
}

async function whisper(text: string, channel: string, user: string | undefined, desk: SlackDesk): Promise<void> {
  if (user === undefined) return
  await desk.api.whisper(channel, user, say(text)).catch(desk.onProblem)
}
