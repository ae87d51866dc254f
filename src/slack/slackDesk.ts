import type { LinkDesk } from '../approvals/accountLinks.ts'
import type { Approval } from '../approvals/approval.ts'
import type { Reviewer } from '../approvals/membership.ts'
import type { LinkTo } from '../approvals/notifier.ts'
import type { DeliveryStore } from '../approvals/ports.ts'
import type { Deed, ReviewDesk } from '../approvals/reviewDesk.ts'
import { type ErrorCode, GateError } from '../errors.ts'
import { SURFACE } from './createSlackNotifier.ts'
import { type IdentifyParts, isAtHome, lookUp } from './identifyReviewer.ts'
import type { Origin } from './readDelivery.ts'
import { type Reference, refersTo } from './reference.ts'
import type { Message, SlackApi } from './slackApi.ts'
import { textBlock } from './untrustedText.ts'

/** Somebody tried to do something in Slack that did not count. */
export interface SlackRefusal {
  /** Undefined when not even that could be read. */
  readonly approvalId: string | undefined
  /** The person, once they were known. */
  readonly reviewer: Reviewer | undefined
  readonly user: string | undefined
  readonly team: string | undefined
  readonly verdict: Deed | undefined
  readonly code: ErrorCode
}

/** What linking accounts needs. */
export interface SlackLinking extends LinkDesk {
  /** The page of the console that confirms. */
  readonly urlFor: (token: string) => string
}

/** What answering people in Slack needs from outside. */
export interface SlackDesk
  extends Pick<ReviewDesk, 'rules' | 'lookUpGroups' | 'recordEvent' | 'clock' | 'maskText' | 'rejudge'> {
  readonly store: ReviewDesk['store'] & DeliveryStore
  readonly nameGroup: (id: string) => string
  readonly api: SlackApi
  readonly identify: IdentifyParts
  readonly linkTo: LinkTo
  /** Undefined: people cannot link their own accounts here. */
  readonly linking: SlackLinking | undefined
  /** Where answers go that belong to no message. */
  readonly channel: string
  /** Durable when it resolves. */
  readonly recordRefused: (refusal: SlackRefusal) => Promise<void>
  /** There may be news for the notifier. */
  readonly wake: () => void
  readonly onProblem: (error: unknown) => void
}

/** A short answer to one person. */
export function say(text: string): Message {
  return { text: 'Countersign', blocks: [textBlock(text)] }
}

/** The stored request that was shown in that channel, by our app, in our workspace, with that digest. */
export async function shownHere(
  from: Origin,
  reference: Reference,
  channel: string | undefined,
  desk: SlackDesk,
): Promise<Approval> {
  await requireHome(from, desk)
  const approval = await desk.store.get(reference.approvalId)
  const delivery = await desk.store.findDelivery(SURFACE, reference.approvalId)
  if (approval === undefined || delivery === undefined) throw new GateError('ERR_SLACK_CLICK')
  if (channel !== undefined && channel !== delivery.place) throw new GateError('ERR_SLACK_CLICK')
  if (!refersTo(reference, approval)) throw new GateError('ERR_VOTE_DIGEST')
  return approval
}

/** Throws ERR_SLACK_CLICK for another app or workspace, ERR_SLACK_LOOKUP when Slack does not say which is ours. */
export async function requireHome(from: Origin, { api, identify }: SlackDesk): Promise<void> {
  const home = await lookUp(() => api.home())
  if (from.app !== home.app || !isAtHome(from, home, identify.team)) throw new GateError('ERR_SLACK_CLICK')
}
