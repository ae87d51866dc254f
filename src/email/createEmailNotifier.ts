import type { Approval, ApprovalEvent } from '../approvals/approval.ts'
import type { LinkTo, Notifier } from '../approvals/notifier.ts'
import type { DeliveryStore } from '../approvals/ports.ts'
import { drawEmail, type Email } from './drawEmail.ts'
import { EmailProblem, type OutgoingEmail } from './sendEmail.ts'
import type { EmailSettings } from './settings.ts'

interface EmailParts {
  readonly settings: EmailSettings
  /** Right-hand side of message ids: the gateway's public host. */
  readonly host: string
  readonly store: DeliveryStore
  readonly nameGroup: (id: string) => string
  readonly linkTo: LinkTo
  readonly send: (email: OutgoingEmail) => Promise<{ readonly refused: number }>
  /** Called once a request, when the mail server first takes something about it. */
  readonly recordDelivered: (approval: Approval, sets: readonly string[]) => Promise<void>
  /** A mail, or some of its recipients, were refused for good; those after it get through. */
  readonly onRefused: (why: string, approvalId: string) => void
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

const SURFACE = 'email'
/** Reminders come this long before the end, or in the last quarter of a short time. */
const REMIND_BEFORE_MS = 10 * 60_000
/** News that could not be sent for a day concern requests that are long over. */
const GIVE_UP_MS = 24 * 3_600_000

/**
 * Tells the people of a request's reviewer sets by mail, in order and at least once: a mail that is sent twice after a
 * crash has the same id. Nothing that comes back is read.
 */
export function createEmailNotifier(parts: EmailParts): Notifier {
  const { settings, host, store, clock } = parts
  const drawing = { content: settings.content, nameGroup: parts.nameGroup, linkTo: parts.linkTo }
  const isWanted = ({ kind }: ApprovalEvent) => settings.events.some((event) => event === `approval.${kind}`)
  const setsOf = ({ needs }: Approval) => needs.map(({ set }) => set).filter((set) => Object.hasOwn(settings.to, set))

  /** False when this mail is given up. */
  async function send(approval: Approval, email: Email, suffix: string): Promise<boolean> {
    const to = [...new Set(setsOf(approval).flatMap((set) => settings.to[set] ?? []))]
    const first = `${approval.id}@${host}`
    const messageId = suffix === '' ? first : `${approval.id}.${suffix}@${host}`
    try {
      const { refused } = await parts.send({
        ...{ to, ...email, messageId },
        inReplyTo: suffix === '' ? undefined : first,
      })
      if (refused > 0) parts.onRefused(`${refused} of ${to.length} recipients were refused`, approval.id)
      return true
    } catch (error) {
      if (!(error instanceof EmailProblem && error.permanent)) throw error
      parts.onRefused(error.message, approval.id)
      return false
    }
  }

  return {
    surface: SURFACE,

    async deliver(event, approval) {
      const sets = setsOf(approval)
      if (!isWanted(event) || sets.length === 0) return
      const known = await store.findDelivery(SURFACE, approval.id)
      if (known !== undefined && known.told >= event.version) return
      if (clock() - event.at > GIVE_UP_MS) return parts.onRefused('not sent for a day', approval.id)
      const suffix = event.kind === 'requested' ? '' : String(event.version)
      if (!(await send(approval, drawEmail(event, approval, drawing), suffix))) return
      await store.saveDelivery({
        ...{ surface: SURFACE, approvalId: approval.id, place: sets.join(','), message: `${approval.id}@${host}` },
        ...{ drawn: approval.version, told: event.version, reminded: known?.reminded ?? false },
      })
      if (known === undefined) await parts.recordDelivered(approval, sets)
    },

    async remind(approval) {
      const left = approval.expiresAt - clock()
      if (left <= 0 || left > Math.min(REMIND_BEFORE_MS, approval.ttlMs / 4)) return
      const delivery = await store.findDelivery(SURFACE, approval.id)
      if (delivery === undefined || delivery.reminded) return
      // Stored first: rather none than two.
      await store.saveDelivery({ ...delivery, reminded: true })
      await send(approval, drawEmail('reminder', approval, drawing), 'reminder')
    },
  }
}
