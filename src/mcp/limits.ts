/** How many requests one key may make, as a token bucket: `burst` at once, refilled at `perSecond`. */
export interface RateLimit {
  readonly perSecond: number
  readonly burst: number
}

interface Bucket {
  tokens: number
  at: number
}

/** Keys remembered before full buckets are forgotten; bounds memory when addresses or callers are many. */
const MAX_KEYS = 10_000

/** A token bucket for each key. `take` answers 0 when the request may go on, else the seconds to wait. */
export class RateLimiter {
  readonly #limit: RateLimit
  readonly #buckets = new Map<string, Bucket>()

  constructor(limit: RateLimit) {
    this.#limit = limit
  }

  take(key: string, now: number = performance.now()): number {
    const bucket = this.#refill(key, now)
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / this.#limit.perSecond))
    bucket.tokens -= 1
    return 0
  }

  #refill(key: string, now: number): Bucket {
    const known = this.#buckets.get(key)
    if (known !== undefined) {
      known.tokens = Math.min(this.#limit.burst, known.tokens + ((now - known.at) / 1000) * this.#limit.perSecond)
      known.at = now
      return known
    }
    if (this.#buckets.size >= MAX_KEYS) this.#forget(now)
    const bucket = { tokens: this.#limit.burst, at: now }
    this.#buckets.set(key, bucket)
    return bucket
  }

  // Oldest first (a Map keeps insertion order): a bucket that would be full again holds no information.
  #forget(now: number): void {
    for (const [key, bucket] of this.#buckets) {
      const full = bucket.tokens + ((now - bucket.at) / 1000) * this.#limit.perSecond >= this.#limit.burst
      if (full || this.#buckets.size >= MAX_KEYS) this.#buckets.delete(key)
      if (this.#buckets.size < MAX_KEYS / 2) return
    }
  }
}

/** How many calls run at once, in all and for one key. */
export class ConcurrencyLimiter {
  readonly #perKey: number
  readonly #total: number
  readonly #running = new Map<string, number>()
  #all = 0

  constructor(limits: { readonly perKey: number; readonly total: number }) {
    this.#perKey = limits.perKey
    this.#total = limits.total
  }

  /** A function that gives the place back (safe to call twice), or undefined when there is no place. */
  enter(key: string): (() => void) | undefined {
    const running = this.#running.get(key) ?? 0
    if (running >= this.#perKey || this.#all >= this.#total) return undefined
    this.#running.set(key, running + 1)
    this.#all += 1
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#all -= 1
      const left = (this.#running.get(key) ?? 1) - 1
      if (left <= 0) this.#running.delete(key)
      else this.#running.set(key, left)
    }
  }
}
