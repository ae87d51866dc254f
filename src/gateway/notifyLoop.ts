import type { Notifier } from '../approvals/notifier.ts'
import type { ApprovalStore, DeliveryStore, EventConsumer, EventOutbox } from '../approvals/ports.ts'

interface NotifyParts {
  readonly store: ApprovalStore & EventOutbox & DeliveryStore
  readonly notifier: Notifier
  /** This run of this process: one of several on a store has the turn. */
  readonly holder: string
  /** Milliseconds since 1970. */
  readonly clock: () => number
  /** Called when trouble begins, and once more for every other kind of it; never with a secret. */
  readonly onTrouble: (error: unknown) => void
  readonly onRecovered: () => void
  readonly pace?: Partial<Pace>
}

interface Pace {
  /** How soon news of other processes are noticed. */
  readonly pollMs: number
  readonly remindMs: number
  /** Between tries while the surface does not work; doubles up to `slowest`. */
  readonly retryMs: number
  readonly slowestMs: number
}

export interface NotifyLoop {
  /** There may be news. */
  wake(): void
  /** Ends after the delivery that is going on. */
  stop(): Promise<void>
}

const PACE: Pace = { pollMs: 1_000, remindMs: 15_000, retryMs: 1_000, slowestMs: 30_000 }
const BATCH = 50
/** Longer than any one delivery: every request of it has a time limit. */
const TURN_MS = 60_000
const MOST_PENDING = 1_000

/**
 * Carries the outbox to one surface for as long as it runs. Everything is durable before it is sent; what fails is tried
 * again, in order, for ever. Calls, votes and readiness never wait for it.
 */
export function startNotifyLoop(parts: NotifyParts): NotifyLoop {
  const { store, notifier, holder, clock, onTrouble, onRecovered } = parts
  const pace = { ...PACE, ...parts.pace }
  const consumer: EventConsumer = `notifier:${notifier.surface}`
  let stopped = false
  let rouse: () => void = () => {}
  let hasNews = false
  let trouble: string | undefined
  let failures = 0
  let remindedAt = 0
  let turnUntil = 0

  /** Asked for again when half of it is over, so that waiting costs no writing. */
  async function hasTurn(): Promise<boolean> {
    if (clock() < turnUntil - TURN_MS / 2) return true
    const until = clock() + TURN_MS
    const mine = await store.takeTurn(notifier.surface, holder, TURN_MS, clock())
    turnUntil = mine ? until : 0
    return mine
  }

  async function round(): Promise<void> {
    const [news] = await store.pendingEvents(consumer, 1)
    const mustRemind = clock() - remindedAt >= pace.remindMs
    if ((news === undefined && !mustRemind) || !(await hasTurn())) return
    await deliverAll()
    if (mustRemind) await remindAll()
  }

  async function deliverAll(): Promise<void> {
    for (;;) {
      const batch = await store.pendingEvents(consumer, BATCH)
      for (const { event, approval, position } of batch) {
        if (stopped || !(await hasTurn())) return
        await notifier.deliver(event, approval)
        await store.acknowledge(consumer, position)
      }
      if (batch.length < BATCH) return
    }
  }

  async function remindAll(): Promise<void> {
    for (const approval of await store.list(['pending'], MOST_PENDING)) {
      if (stopped || !(await hasTurn())) return
      await notifier.remind(approval)
    }
    remindedAt = clock()
  }

  /** Milliseconds until the next round. */
  async function turn(): Promise<number> {
    try {
      await round()
      failures = 0
      if (trouble !== undefined) onRecovered()
      trouble = undefined
      return pace.pollMs
    } catch (error) {
      const kind = error instanceof Error ? error.message : typeof error
      if (kind !== trouble) onTrouble(error)
      trouble = kind
      failures += 1
      const asked = error instanceof Error && 'retryAfterMs' in error ? Number(error.retryAfterMs ?? 0) : 0
      return Math.max(asked, Math.min(pace.slowestMs, pace.retryMs * 2 ** Math.min(failures - 1, 10)))
    }
  }

  async function run(): Promise<void> {
    while (!stopped) {
      hasNews = false
      const pause = await turn()
      // A failure is waited out, whoever has news.
      if (!stopped && (failures > 0 || !hasNews)) await sleep(pause, failures === 0)
    }
    await store.takeTurn(notifier.surface, holder, 0, clock()).catch(() => false)
  }

  function sleep(ms: number, mayWake: boolean): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      timer.unref()
      rouse = () => {
        if (!mayWake && !stopped) return
        clearTimeout(timer)
        resolve()
      }
    })
  }

  const ended = run()
  return {
    wake() {
      hasNews = true
      rouse()
    },
    async stop() {
      stopped = true
      rouse()
      await ended
    },
  }
}
