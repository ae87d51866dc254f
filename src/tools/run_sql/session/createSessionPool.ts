import { GateError } from '../../../errors.ts'
import type { ReadSecret } from '../../../settings/secretReference.ts'
import type { PostgresConnection } from '../settings.ts'
import type { Major } from '../syntax/parse.ts'
import { openSession, type Role, type Session } from './openSession.ts'

/** The sessions of one connection and role: at most `limits.maxSessions`, each with one call at a time. */
export interface SessionPool {
  /** A clean session, without anything an earlier call left behind. Waits at most 5 s for one. */
  take(signal: AbortSignal): Promise<TakenSession>
  /** The server's major version, as the last opened session saw it; opens one when there was none yet. */
  major(signal: AbortSignal): Promise<Major>
  close(): Promise<void>
}

export interface TakenSession extends Session {
  /** Ends what is open in it and gives it back; the caller does not wait for the clean-up. May be called twice. */
  release(): void
  /** Closes it instead of giving it back. */
  discard(): void
}

const WAIT_MS = 5_000
/** Idle sessions are closed, so that a rotated password or a removed role does not live on for long. */
const IDLE_MS = 60_000

export function createSessionPool(settings: PostgresConnection, role: Role, readSecret: ReadSecret): SessionPool {
  const idle: { session: Session; timer: NodeJS.Timeout }[] = []
  const waiting: (() => void)[] = []
  let count = 0
  let lastMajor: Major | undefined
  let closed = false

  const drop = async (session: Session): Promise<void> => {
    await session.close().catch(() => undefined)
    count--
    waiting.shift()?.()
  }
  /** Everything a session can keep: transaction, settings, locks, prepared statements, temporary tables. */
  const clean = async (session: Session): Promise<void> => {
    try {
      await session.reset()
      session.check()
    } catch {
      return drop(session)
    }
    if (closed || !session.isOpen()) return drop(session)
    const timer = setTimeout(() => {
      const index = idle.findIndex((entry) => entry.session === session)
      if (index >= 0) idle.splice(index, 1)
      void drop(session)
    }, IDLE_MS)
    timer.unref()
    idle.push({ session, timer })
    waiting.shift()?.()
  }
  const lend = (session: Session): TakenSession => {
    let lent = true
    const once = (end: (session: Session) => Promise<void>) => () => {
      if (!lent) return
      lent = false
      void end(session)
    }
    return { ...session, release: once(clean), discard: once(drop) }
  }

  const take = async (signal: AbortSignal): Promise<TakenSession> => {
    for (const end = Date.now() + WAIT_MS; ; ) {
      signal.throwIfAborted()
      const entry = idle.pop()
      if (entry !== undefined) {
        clearTimeout(entry.timer)
        if (!entry.session.isOpen()) {
          count--
          continue
        }
        return lend(entry.session)
      }
      if (closed) throw new GateError('ERR_SHUTTING_DOWN')
      if (count < settings.limits.maxSessions) {
        count++
        try {
          const session = await openSession(settings, role, readSecret)
          lastMajor = session.major
          return lend(session)
        } catch (error) {
          count--
          waiting.shift()?.()
          throw error
        }
      }
      const left = end - Date.now()
      if (left <= 0) throw new GateError('ERR_BUSY', { detail: 'All sessions of the connection are in use.' })
      await waitForTurn(left)
    }
  }
  const waitForTurn = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const turn = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        const index = waiting.indexOf(turn)
        if (index >= 0) waiting.splice(index, 1)
        resolve()
      }, milliseconds)
      waiting.push(turn)
    })

  return {
    take,
    major: async (signal) => {
      if (lastMajor !== undefined) return lastMajor
      const session = await take(signal)
      session.release()
      return session.major
    },
    close: async () => {
      closed = true
      await Promise.all(
        idle.splice(0).map(({ session, timer }) => {
          clearTimeout(timer)
          return drop(session)
        }),
      )
      for (const turn of waiting.splice(0)) turn()
    },
  }
}
