import type { Approval, ApprovalEvent } from '../approvals/approval.ts'
import type { Notifier } from '../approvals/notifier.ts'
import type { Delivery, DeliveryStore } from '../approvals/ports.ts'
import { type ReviewView, reviewViewOf } from '../approvals/review.ts'
import { drawRequest, drawUnshown } from './drawRequest.ts'
import { drawNews, drawReminder } from './drawThread.ts'
import type { LinkTo } from './requestText.ts'
import { type SlackApi, SlackProblem } from './slackApi.ts'

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

/** Slack's word for a message that is too much for it. Everything else concerns all messages alike. */
const TOO_MUCH = new Set(['invalid_blocks', 'invalid_blocks_format', 'msg_blocks_too_long', 'msg_too_long', 'no_text'])

/** The message was deleted, or can no longer be changed. */
const GONE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed', 'thread_not_found'])

/**
 * Shows requests in one Slack channel: one message each, changed in place, with the outcome and late news in its thread.
 * What is about to be posted is stored first, so that after a crash or a lost answer the message is looked for before it
 * is posted again.
 */
export function createSlackNotifier(parts: NotifierParts): Notifier {
  const { api, store, channel, nameGroup, linkTo, clock } = parts
  const viewOf = (approval: Approval) => reviewViewOf(approval, nameGroup)

  async function post(approval: Approval, view: ReviewView): Promise<string> {
    try {
      return await api.post(channel, drawRequest(view, linkTo), approvalMark(approval))
    } catch (error) {
      if (!isTooMuch(error)) throw error
      parts.onRefused(error, approval.id)
      return await api.post(channel, drawUnshown(view, linkTo), approvalMark(approval))
    }
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
    const message = found ?? (await post(approval, viewOf(approval)))
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

  async function redraw(approval: Approval, delivery: Delivery, ts: string): Promise<Delivery | undefined> {
    if (delivery.drawn >= approval.version) return delivery
    const view = viewOf(approval)
    try {
      await api.update(delivery.place, ts, drawRequest(view, linkTo), approvalMark(approval))
    } catch (error) {
      if (isTooMuch(error)) {
        parts.onRefused(error, approval.id)
        await api.update(delivery.place, ts, drawUnshown(view, linkTo), approvalMark(approval))
      } else if (isGone(error)) {
        return undefined
      } else {
        throw error
      }
    }
    const redrawn = { ...delivery, drawn: approval.version }
    await store.saveDelivery(redrawn)
    return redrawn
  }

  async function tell(event: ApprovalEvent, approval: Approval, delivery: Delivery, ts: string): Promise<void> {
    if (event.version <= delivery.told) return
    const news = drawNews(event, approval)
    if (news !== undefined) await ignoringGone(api.postInThread(delivery.place, ts, news))
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
      await ignoringGone(api.postInThread(delivery.place, delivery.message, drawReminder(approval)))
    },
  }
}

function approvalMark({ id, digest }: Approval) {
  return { approvalId: id, digest }
}

function isTooMuch(error: unknown): error is SlackProblem {
  return error instanceof SlackProblem && error.kind === 'refused' && TOO_MUCH.has(error.reason)
}

function isGone(error: unknown): boolean {
  return error instanceof SlackProblem && error.kind === 'refused' && GONE.has(error.reason)
}

async function ignoringGone(sent: Promise<void>): Promise<void> {
  await sent.catch((error: unknown) => {
    if (!isGone(error) && !isTooMuch(error)) throw error
  })
}
