import type { ErrorCode } from '../errors.ts'
import type { Trail } from './trail.ts'

/** Pairs of address and code held at once; more addresses than that share the address `*`. */
const PAIRS = 1_000
/** Pairs named in one record, the most frequent first: anyone on the network can cause these. */
const NAMED = 50
const EVERY_MS = 10_000

/**
 * Refusals that anybody can cause as often as they like: before authentication, and over the limits of rate and
 * concurrency. Counted per address, code and caller, written as one bounded record every ten seconds, with no
 * fsync of their own, and only while the disk has room beside the reserve; until then they stay counted.
 */
export interface RefusalCounter {
  /** @param oid the caller, where one is known */
  count(address: string, code: ErrorCode, at: Date, oid?: string): void
  /** Writes what was counted, when there is room. */
  flush(): Promise<void>
  /** The last flush. */
  close(): Promise<void>
}

interface Counted {
  readonly address: string
  readonly code: string
  readonly oid?: string
  readonly first: string
  count: number
  last: string
}

export function openRefusalCounter(trail: Trail): RefusalCounter {
  let counted = new Map<string, Counted>()

  async function flush(): Promise<void> {
    if (counted.size === 0 || !(await trail.hasRoom())) return
    const all = [...counted.values()].sort((a, b) => b.count - a.count)
    counted = new Map()
    const more = all.slice(NAMED).reduce((sum, { count }) => sum + count, 0)
    trail.appendBuffered({
      event: 'refusals.aggregated',
      refusals: all.slice(0, NAMED),
      more: more === 0 ? undefined : more,
    })
  }

  const timer = setInterval(() => void flush(), EVERY_MS)
  timer.unref()

  return {
    count(address, code, at, oid) {
      const moment = at.toISOString()
      const own = `${code} ${address} ${oid ?? ''}`
      const isNew = !counted.has(own) && counted.size >= PAIRS
      const key = isNew ? `${code} * ` : own
      const entry = counted.get(key)
      if (entry === undefined) {
        const who = isNew ? { address: '*', code } : { address, code, ...(oid !== undefined && { oid }) }
        counted.set(key, { ...who, count: 1, first: moment, last: moment })
      } else {
        entry.count += 1
        entry.last = moment
      }
    },
    flush,
    async close() {
      clearInterval(timer)
      await flush()
    },
  }
}
