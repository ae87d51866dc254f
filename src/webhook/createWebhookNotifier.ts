import { createHash } from 'node:crypto'
import type { Approval, ApprovalEvent } from '../approvals/approval.ts'
import type { LinkTo, Notifier } from '../approvals/notifier.ts'
import type { DeliveryStore } from '../approvals/ports.ts'
import { drawEvent, webhookIdOf } from './drawEvent.ts'
import { postEvent, WebhookProblem } from './postEvent.ts'
import type { WebhookSettings } from './settings.ts'
import { signWebhook } from './signature.ts'

interface WebhookParts {
  readonly settings: Pick<WebhookSettings, 'url' | 'events'>
  readonly key: Uint8Array
  readonly store: DeliveryStore
  readonly nameGroup: (id: string) => string
  readonly linkTo: LinkTo
  /** Called once a request, when the receiver first accepts something about it. */
  readonly recordDelivered: (approval: Approval, host: string) => Promise<void>
  /** One message is given up, so that those after it get through. */
  readonly onGivenUp: (why: string, approvalId: string) => void
  /** Ends a delivery that is going on; it is made again after the next start. */
  readonly stopping: AbortSignal
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

/** News that nobody wanted for three days concern requests that are long over. */
const GIVE_UP_MS = 3 * 24 * 3_600_000

/** What a receiver says of the message itself. Every other answer is about the receiver, and may change. */
const ABOUT_THE_MESSAGE: ReadonlySet<number> = new Set([400, 413, 415, 422])

/**
 * Tells one receiver of approvals: at least once, in order, under the same `webhook-id` every time. It is told what a
 * reviewer would see; nothing it answers decides anything.
 */
export function createWebhookNotifier(parts: WebhookParts): Notifier {
  const { settings, key, store, clock } = parts
  const { href, host } = new URL(settings.url)
  const surface = surfaceOf(href)
  const isWanted = ({ kind }: ApprovalEvent) =>
    settings.events === undefined || settings.events.includes(`approval.${kind}`)

  /** False when this message is given up. */
  async function send(event: ApprovalEvent, approval: Approval): Promise<boolean> {
    if (clock() - event.at > GIVE_UP_MS) {
      parts.onGivenUp('not accepted in three days', approval.id)
      return false
    }
    const body = JSON.stringify(drawEvent(event, approval, parts.nameGroup, parts.linkTo))
    try {
      await postEvent(href, { ...signWebhook(key, webhookIdOf(event), body, clock()) }, body, parts.stopping)
      return true
    } catch (error) {
      if (!(error instanceof WebhookProblem) || !ABOUT_THE_MESSAGE.has(error.status ?? 0)) throw error
      parts.onGivenUp(error.message, approval.id)
      return false
    }
  }

  return {
    surface,

    async deliver(event, approval) {
      if (!isWanted(event)) return
      const known = await store.findDelivery(surface, approval.id)
      if (known !== undefined && known.told >= event.version) return
      if (!(await send(event, approval))) return
      await store.saveDelivery({
        ...{ surface, approvalId: approval.id, place: host, message: webhookIdOf(event) },
        ...{ drawn: approval.version, told: event.version, reminded: false },
      })
      if (known === undefined) await parts.recordDelivered(approval, host)
    },

    // Programs need no reminder: the payload says when the time is over.
    async remind() {},
  }
}

/** The receiver's place in the outbox belongs to its address: reordering the list changes nothing. */
function surfaceOf(href: string): string {
  return `webhook:${createHash('sha256').update(href).digest('hex').slice(0, 32)}`
}
