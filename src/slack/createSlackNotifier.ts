import type { Approval, ApprovalEvent } from '../approvals/approval.ts'
import type { LinkTo, Notifier } from '../approvals/notifier.ts'
import type { Delivery, DeliveryStore } from '../approvals/ports.ts'
import { reviewViewOf } from '../approvals/review.ts'
import { drawRequest, drawUnshown } from './drawRequest.ts'
import { drawNews, drawReminder } from './drawThread.ts'
import { type Message, type SlackApi, SlackProblem } from './slackApi.ts'

export const SURFACE = 'slack'

interface NotifierParts {
  readonly api: SlackApi
  readonly store: DeliveryStore
  readonly channel: string
  readonly remindBeforeMs: number
  readonly nameGroup: (id: string) => string
  readonly linkTo: LinkTo
  readonly recordDelivered: (approval: Approval, channel: string) => Promise<void>
  /** Slack refused one message for good. Work goes on: the request is pending and visible elsewhere. */
  readonly onRefused: (problem: SlackProblem, approvalId: string) => void
  readonly clock: () => number
}

/** Refusals that concern every message alike: nothing can be shown until somebody repairs it. All others are about one. */
const TOKEN_PROBLEMS = new Set(
  `not_authed invalid_auth account_inactive token_revoked token_expired missing_scope no_permission access_denied
   not_allowed_token_type org_login_required ekm_access_denied team_access_not_granted enterprise_is_restricted
   two_factor_setup_required accesslimited unknown_method`.split(/\s+/),
)
/** The same, for messages in the channel that is configured now. An older one may be gone for good. */
const CHANNEL_PROBLEMS = new Set(
  'channel_not_found not_in_channel is_archived restricted_action restricted_action_read_only_channel'.split(' '),
)

/** The message was deleted, or can no longer be changed. */
const GONE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed'])

/**
 * Shows requests in one Slack channel: one message each, changed in place, with the outcome and late news in its thread.
 * What is about to be posted is stored first, so that after a crash or a lost answer the message is looked for before it
 * is posted again.
 */
export function createSlackNotifier(parts: NotifierParts): Notifier {
  const { api, store, channel, nameGroup, linkTo, clock } = parts
  const viewOf = (approval: Approval) => reviewViewOf(approval, nameGroup)

  const isAboutThisOne = (error: unknown, place: string): error is SlackProblem =>
    error instanceof SlackProblem &&
    error.kind === 'refused' &&
    !TOKEN_PROBLEMS.has(error.reason) &&
    !(CHANNEL_PROBLEMS.has(error.reason) && place === channel)

  /** Undefined when Slack takes not even the short form: then it is visible elsewhere alone. */
  async function post(approval: Approval): Promise<string | undefined> {
    const view = viewOf(approval)
    for (const message of [drawRequest(view, linkTo), drawUnshown(view, linkTo)]) {
      try {
        return await api.post(channel, message, approvalMark(approval))
      } catch (error) {
        if (!isAboutThisOne(error, channel)) throw error
        parts.onRefused(error, approval.id)
      }
    }
    return undefined
  }

  /** The message of this request, posted if it must be. Undefined when there is nothing to show any more. */
  async function posted(approval: Approval, known: Delivery | undefined): Promise<Delivery | undefined> {
    if (known?.message !== undefined) return known
    if (known === undefined && approval.state !== 'pending') return undefined
    const about = approvalMark(approval)
    const attempt: Delivery = known ?? {
      ...{ surface: SURFACE, approvalId: approval.id, place: channel, message: undefined },
      ...{ drawn: 0, told: 0, reminded: false },
    }
    const found = known === undefined ? undefined : await findPosted(known.place, about, approval.createdAt)
    if (found === undefined && approval.state !== 'pending') return undefined
    if (found === undefined) await store.saveDelivery({ ...attempt, place: channel })
    const message = found ?? (await post(approval))
    if (message === undefined) return undefined
    const drawn = found === undefined ? approval.version : 0
    const delivery = { ...attempt, message, drawn, ...(found === undefined && { place: channel }) }
    await store.saveDelivery(delivery)
    await parts.recordDelivered(approval, delivery.place)
    return delivery
  }

  /** Without the scope to read the channel nothing can be recognised, and a second message does no harm. */
  async function findPosted(place: string, about: ReturnType<typeof approvalMark>, since: number) {
    try {
      return await api.findPosted(place, about, since)
    } catch (error) {
      if (error instanceof SlackProblem && error.kind === 'refused') return undefined
      throw error
    }
  }

  async function updated(place: string, ts: string, approval: Approval, message: Message): Promise<boolean> {
    try {
      await api.update(place, ts, message, approvalMark(approval))
      return true
    } catch (error) {
      if (!isAboutThisOne(error, place)) throw error
      if (!GONE.has(error.reason)) parts.onRefused(error, approval.id)
      return false
    }
  }

  /** Undefined when the message is gone, or Slack lets nobody change it. */
  async function redraw(approval: Approval, delivery: Delivery, ts: string): Promise<Delivery | undefined> {
    if (delivery.drawn >= approval.version) return delivery
    const view = viewOf(approval)
    const shown =
      (await updated(delivery.place, ts, approval, drawRequest(view, linkTo))) ||
      (await updated(delivery.place, ts, approval, drawUnshown(view, linkTo)))
    if (!shown) return undefined
    const redrawn = { ...delivery, drawn: approval.version }
    await store.saveDelivery(redrawn)
    return redrawn
  }

  /** A thread that takes nothing any more holds nobody up. */
  async function inThread(place: string, ts: string, message: Message, approval: Approval): Promise<void> {
    try {
      await api.postInThread(place, ts, message)
    } catch (error) {
      if (!isAboutThisOne(error, place)) throw error
      parts.onRefused(error, approval.id)
    }
  }

  async function tell(event: ApprovalEvent, approval: Approval, delivery: Delivery, ts: string): Promise<void> {
    if (event.version <= delivery.told) return
    const news = drawNews(event, approval)
    if (news !== undefined) await inThread(delivery.place, ts, news, approval)
    await store.saveDelivery({ ...delivery, told: event.version })
  }

  return {
    surface: SURFACE,

    async deliver(event, approval) {
      const delivery = await posted(approval, await store.findDelivery(SURFACE, approval.id))
      if (delivery?.message === undefined) return
      const redrawn = await redraw(approval, delivery, delivery.message)
      if (redrawn !== undefined) return await tell(event, approval, redrawn, delivery.message)
      // Somebody deleted the message. What waits for a decision must be seen.
      if (approval.state !== 'pending') return
      await store.saveDelivery({ ...delivery, message: undefined })
      await posted(approval, { ...delivery, message: undefined })
    },

    async remind(approval) {
      const left = approval.expiresAt - clock()
      if (left <= 0 || left > Math.min(parts.remindBeforeMs, approval.ttlMs / 4)) return
      const delivery = await store.findDelivery(SURFACE, approval.id)
      if (delivery?.message === undefined || delivery.reminded) return
      // Stored first: rather none than two.
      await store.saveDelivery({ ...delivery, reminded: true })
      await inThread(delivery.place, delivery.message, drawReminder(approval), approval)
    },
  }
}

function approvalMark({ id, digest }: Approval) {
  return { approvalId: id, digest }
}
