import type { Logger } from 'pino'
import type { Trail } from '../audit/trail.ts'
import type { Masker } from '../masking/masker.ts'
import { maskFreeText } from '../masking/maskText.ts'
import type { Finding } from '../tools/tool.ts'
import { errorFacts } from './errorFacts.ts'

interface WatchParts {
  readonly selfTest: (connectionName: string) => Promise<readonly Finding[]>
  /** Names of the connections in force. */
  readonly connections: () => readonly string[]
  readonly trail: Trail
  readonly masker: Masker
  readonly log: Logger
  readonly pace?: { readonly healthyMs: number; readonly failingMs: number }
}

/** How many connections work. Names would tell strangers what is behind the gate. */
export interface ConnectionCounts {
  readonly reachable: number
  readonly failing: number
  /** Not looked at yet. */
  readonly unknown: number
}

export interface ConnectionWatch {
  counts(): ConnectionCounts
  /** A look that is going on ends unheard: a target that hangs does not hold up the stop. */
  stop(): void
}

/** A target that works is looked at every five minutes, one that does not every half minute. */
const PACE = { healthyMs: 300_000, failingMs: 30_000 }

/**
 * Looks at every connection after the start and from time to time, as `countersign check` does, so that a target that is
 * down or a credential that was rotated is known before a call needs it. What fails is in the log and, once each time it
 * begins, in the trail as connection.failed. No call waits for it, and none is refused because of it.
 */
export function watchConnections(parts: WatchParts): ConnectionWatch {
  const { connections, log } = parts
  const pace = parts.pace ?? PACE
  const known = new Map<string, { failing: boolean; at: number }>()
  const stopping = new AbortController()

  async function look(name: string): Promise<void> {
    const problem = await problemOf(name, parts)
    const before = known.get(name)?.failing ?? false
    known.set(name, { failing: problem !== undefined, at: performance.now() })
    if (stopping.signal.aborted) return
    if (problem === undefined) {
      if (before) log.info({ connection: name }, 'a connection works again')
      return
    }
    if (before) return
    const message = maskFreeText(problem.message, parts.masker)
    log.warn({ connection: name, about: problem.about, reason: message }, 'a connection does not work')
    await parts.trail.append({
      event: 'connection.failed',
      connection: name,
      code: 'ERR_TARGET_UNAVAILABLE',
      message,
    })
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const names = connections()
      for (const name of known.keys()) if (!names.includes(name)) known.delete(name)
      for (const name of names) {
        const last = known.get(name)
        const pause = last?.failing === true ? pace.failingMs : pace.healthyMs
        if (stopping.signal.aborted) return
        if (last !== undefined && performance.now() - last.at < pause) continue
        await look(name).catch((error: unknown) => log.error(errorFacts(error), 'a connection could not be looked at'))
      }
      await pauseFor(Math.min(pace.failingMs, pace.healthyMs), stopping.signal)
    }
  }

  void run()
  return {
    counts() {
      const states = connections().map((name) => known.get(name)?.failing)
      const count = (wanted: boolean | undefined) => states.filter((state) => state === wanted).length
      return { reachable: count(false), failing: count(true), unknown: count(undefined) }
    },
    stop: () => stopping.abort(),
  }
}

/** The first thing that keeps the connection from working; what is only unwise about an account does not. */
async function problemOf(name: string, { selfTest }: WatchParts): Promise<Finding | undefined> {
  const findings = await selfTest(name)
  const works = new Set(findings.filter(({ level }) => level === 'ok').map(({ about }) => about))
  return findings.find(({ level, about }) => level === 'error' && !works.has(about))
}

function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    timer.unref()
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
