import { createEmailNotifier } from '../email/createEmailNotifier.ts'
import { EmailProblem, sendEmail } from '../email/sendEmail.ts'
import type { EmailSettings } from '../email/settings.ts'
import { errorFacts } from './errorFacts.ts'
import { holderOf, type NoticeParts } from './noticeParts.ts'
import { startNotifyLoop } from './notifyLoop.ts'

interface EmailParts extends NoticeParts {
  readonly settings: EmailSettings
  /** The gateway's public host. */
  readonly host: string
  readonly clock: () => number
}

export interface EmailReviews {
  /** There may be news in the outbox. */
  wake(): void
  close(): Promise<void>
}

/** A mail server that is down is not asked more often than this. */
const SLOWEST_MS = 60_000

/** Tells reviewers of requests by mail, from the outbox: a mail server that is slow or dead holds up nothing else. */
export async function openEmail(parts: EmailParts): Promise<EmailReviews> {
  const { settings, store, lease, trail, log, clock } = parts
  const notifier = createEmailNotifier({
    ...{ settings, host: parts.host, store, nameGroup: parts.nameGroup, linkTo: parts.linkTo, clock },
    send: (email) => sendEmail(settings, email, parts.readSecret),
    async recordDelivered({ id, callId }, sets) {
      await trail.append({ event: 'approval.delivered', approval: id, call: callId, via: 'email', to: sets.join(', ') })
    },
    onRefused: (reason, approval) => log.warn({ approval, reason }, 'a mail was not delivered'),
  })
  // A new list of recipients is not told the past.
  await store.startFromNow(`notifier:${notifier.surface}`)
  const loop = startNotifyLoop({
    ...{ store, notifier, holder: holderOf(lease), clock },
    pace: { slowestMs: SLOWEST_MS },
    onTrouble: (error) => log.warn(factsOf(error), 'no mail can be sent now; news wait in the outbox'),
    onRecovered: () => log.info('mail is sent again'),
  })
  return { wake: () => loop.wake(), close: () => loop.stop() }
}

function factsOf(error: unknown): Readonly<Record<string, unknown>> {
  return error instanceof EmailProblem ? { reason: error.message } : errorFacts(error)
}
