import { createWebhookNotifier } from '../webhook/createWebhookNotifier.ts'
import { WebhookProblem } from '../webhook/postEvent.ts'
import type { WebhookSettings } from '../webhook/settings.ts'
import { readWebhookKey } from '../webhook/signature.ts'
import { errorFacts } from './errorFacts.ts'
import { holderOf, type NoticeParts } from './noticeParts.ts'
import { startNotifyLoop } from './notifyLoop.ts'

interface WebhookParts extends NoticeParts {
  readonly receivers: readonly WebhookSettings[]
  /** A secret in another writing, which must not leave either. */
  readonly alsoSecret: (value: string) => void
  readonly clock: () => number
}

export interface Webhooks {
  /** There may be news in the outbox. */
  wake(): void
  close(): Promise<void>
}

/** A receiver that is down is not asked more often than this. */
const SLOWEST_MS = 60_000
/** How long deliveries that are going on may take when the gateway stops. */
const STOP_MS = 2_000

/**
 * Tells receivers of approvals, each through its own loop over the outbox: one that is slow or dead holds up neither
 * another one nor a call. Throws when a secret cannot be read or is none (ERR_SECRET..., ERR_CONFIG).
 */
export async function openWebhooks(parts: WebhookParts): Promise<Webhooks> {
  const { receivers, store, lease, trail, log, clock } = parts
  const keys: Uint8Array[] = []
  for (const [index, { secret }] of receivers.entries()) {
    const text = await parts.readSecret(secret)
    keys.push(readWebhookKey(text, `approvals.webhooks[${index + 1}].secret`))
    parts.alsoSecret(text.replace(/^whsec_/, ''))
  }
  const stopping = new AbortController()
  const notifiers = receivers.map((settings, index) => {
    const { host } = new URL(settings.url)
    const notifier = createWebhookNotifier({
      ...{ settings, key: keys[index] ?? new Uint8Array(), store, nameGroup: parts.nameGroup, linkTo: parts.linkTo },
      ...{ clock, stopping: stopping.signal },
      async recordDelivered({ id, callId }, to) {
        await trail.append({ event: 'approval.delivered', approval: id, call: callId, via: 'webhook', to })
      },
      onGivenUp: (reason, approval) => log.warn({ receiver: host, approval, reason }, 'a webhook message was given up'),
    })
    return { host, notifier }
  })
  // A new receiver is not told the past: it would open a ticket for every request there ever was.
  for (const { notifier } of notifiers) await store.startFromNow(`notifier:${notifier.surface}`)
  const loops = notifiers.map(({ host, notifier }) =>
    startNotifyLoop({
      ...{ store, notifier, holder: holderOf(lease), clock },
      pace: { slowestMs: SLOWEST_MS, remindMs: Number.POSITIVE_INFINITY },
      onTrouble: (error) =>
        log.warn(
          { receiver: host, ...factsOf(error) },
          'a webhook receiver cannot be told now; news wait in the outbox',
        ),
      onRecovered: () => log.info({ receiver: host }, 'a webhook receiver is told again'),
    }),
  )
  return {
    wake() {
      for (const loop of loops) loop.wake()
    },
    async close() {
      const impatient = setTimeout(() => stopping.abort(), STOP_MS)
      await Promise.all(loops.map((loop) => loop.stop()))
      clearTimeout(impatient)
    },
  }
}

function factsOf(error: unknown): Readonly<Record<string, unknown>> {
  return error instanceof WebhookProblem ? { reason: error.message, status: error.status } : errorFacts(error)
}
