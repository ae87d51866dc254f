import type { Approval, ApprovalEvent } from './approval.ts'
import type { EventOutbox } from './ports.ts'

/** Writes one event to the trail; resolves when it is durable there. */
export type RecordEvent = (event: ApprovalEvent, approval: Approval) => Promise<void>

const BATCH = 100

const draining = new WeakMap<EventOutbox, Promise<void>>()

/**
 * Carries every approval event that the trail does not have yet into it, in order. Called after each change, at start
 * and before an approval is taken: a decision that is not on record clears nothing. Throws what `record` throws; the
 * event then stays and is tried again.
 */
export async function recordEvents(outbox: EventOutbox, record: RecordEvent): Promise<void> {
  // One after the other: two drains at once would write the same events twice.
  const previous = draining.get(outbox) ?? Promise.resolve()
  const mine = previous.catch(() => undefined).then(() => drain(outbox, record))
  draining.set(outbox, mine)
  await mine
}

async function drain(outbox: EventOutbox, record: RecordEvent): Promise<void> {
  for (;;) {
    const batch = await outbox.pendingEvents('trail', BATCH)
    for (const { event, approval, position } of batch) {
      await record(event, approval)
      await outbox.acknowledge('trail', position)
    }
    if (batch.length < BATCH) return
  }
}
