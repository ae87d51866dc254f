import type { ApprovalStore } from '../approvals/ports.ts'
import { OPEN_STATES } from '../approvals/reviewDesk.ts'
import type { EventSink } from '../mcp/pageRoute.ts'
import type { Session, Sessions } from './openSessions.ts'

/** Streams that tell open pages that something changed. They say no more than that: each page asks for itself. */
export interface Live {
  /** False when this session, or the console, has as many streams as it may have. */
  open(session: Session, events: EventSink): boolean
  /** Ends every stream. */
  close(): void
}

interface LiveParts {
  readonly store: Pick<ApprovalStore, 'list'>
  readonly sessions: Pick<Sessions, 'isLive'>
  readonly onProblem: (error: unknown) => void
}

/** Asking the store, not listening in this process: other gateways and the command line change it as well. */
const POLL_MS = 1_000
/** Proxies cut streams that say nothing. */
const BEATS = 15
const MAX_OF_SESSION = 8
const MAX_STREAMS = 500
const MAX_LISTED = 1_000

interface Stream {
  readonly session: Session
  readonly events: EventSink
}

export function openLive({ store, sessions, onProblem }: LiveParts): Live {
  const streams = new Set<Stream>()
  let timer: NodeJS.Timeout | undefined
  let seen: string | undefined
  let beats = 0

  async function tick(): Promise<void> {
    const open = await store.list(OPEN_STATES, MAX_LISTED)
    const now = open.map(({ id, version }) => `${id}:${version}`).join(' ')
    // The first look counts as news: what came since the page was made would be missed.
    const hasChanged = seen !== now
    seen = now
    beats = (beats + 1) % BEATS
    // The kill switch and the end of a login reach a page that is only looked at, too.
    for (const key of new Set([...streams].map(({ session }) => session.key))) {
      const [first] = [...streams].filter(({ session }) => session.key === key)
      if (first !== undefined && !(await sessions.isLive(first.session))) end(key)
    }
    for (const { events } of streams) {
      if (hasChanged) events.send('changed', 'now')
      else if (beats === 0) events.send('beat', 'now')
    }
  }

  function end(key: string): void {
    for (const stream of [...streams].filter(({ session }) => session.key === key)) {
      stream.events.send('ended', 'now')
      stream.events.close()
    }
  }

  function next(): void {
    timer = setTimeout(() => {
      tick()
        .catch(onProblem)
        .finally(() => {
          if (streams.size > 0) next()
          else timer = undefined
        })
    }, POLL_MS)
    timer.unref()
  }

  return {
    open(session, events) {
      const ofSession = [...streams].filter((stream) => stream.session.key === session.key).length
      if (streams.size >= MAX_STREAMS || ofSession >= MAX_OF_SESSION) return false
      const stream = { session, events }
      streams.add(stream)
      events.onClose(() => streams.delete(stream))
      // What changed between the page and its stream would be missed: the page looks once more.
      events.send('changed', 'now')
      if (timer === undefined) {
        seen = undefined
        next()
      }
      return true
    },
    close() {
      clearTimeout(timer)
      for (const { events } of streams) events.close()
      streams.clear()
    },
  }
}
