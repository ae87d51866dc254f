import type { Client } from 'ssh2'
import { GateError } from '../../../errors.ts'
import type { SshConnection } from '../settings.ts'
import { type ClientParts, openClient } from './openClient.ts'

/** A client to run one command on. `release` is called once, whatever happens. */
export interface TakenClient {
  readonly client: Client
  /** Nothing new is run on it. What others run on it goes on. */
  discard(): void
  release(): void
}

/** The one login of a connection, shared by its commands; opened when needed, and again when the host is gone. */
export interface ClientPool {
  /**
   * Waits for its turn. `change` asks for a peer that was heard of a moment ago: a change must not be sent into a
   * connection that may be dead, because then nobody knows whether it arrived.
   */
  take(purpose: 'read' | 'change', signal: AbortSignal): Promise<TakenClient>
  close(): Promise<void>
}

/** A login that nobody used for so long is given up. */
const IDLE_MS = 60_000
/** A peer that was heard of so recently is taken to be there. */
const FRESH_MS = 5_000

interface Login {
  readonly client: Client
  users: number
  usedAt: number
  idle: NodeJS.Timeout | undefined
}

export function createClientPool(settings: SshConnection, parts: ClientParts): ClientPool {
  let current: Login | undefined
  let opening: Promise<Login> | undefined
  let running = 0
  let closed = false
  const waiting: (() => void)[] = []
  const logins = new Set<Login>()

  const enter = () => {
    if (running >= settings.limits.maxSessions) return false
    running += 1
    return true
  }
  const forget = (login: Login) => {
    logins.delete(login)
    clearTimeout(login.idle)
    if (current === login) current = undefined
  }
  const open = async (signal: AbortSignal): Promise<Login> => {
    const client = await openClient(settings, parts, signal)
    const login: Login = { client, users: 0, usedAt: performance.now(), idle: undefined }
    client.on('error', () => forget(login))
    client.on('close', () => forget(login))
    if (closed) {
      client.end()
      throw new GateError('ERR_SHUTTING_DOWN')
    }
    logins.add(login)
    current = login
    return login
  }
  const loginFor = async (purpose: 'read' | 'change', signal: AbortSignal): Promise<Login> => {
    const isFresh = (login: Login) => login.users > 0 || performance.now() - login.usedAt < FRESH_MS
    if (current !== undefined && (purpose === 'read' || isFresh(current))) return current
    if (current !== undefined) retire(current)
    // Callers that come at once share one login. Whoever leaves must not take it from the others.
    opening ??= open(AbortSignal.timeout(30_000)).finally(() => {
      opening = undefined
    })
    return abortable(opening, signal)
  }
  const retire = (login: Login) => {
    forget(login)
    if (login.users === 0) login.client.end()
  }
  const release = (login: Login) => {
    login.users -= 1
    login.usedAt = performance.now()
    if (login.users === 0) {
      if (current !== login) login.client.end()
      else login.idle = setTimeout(() => retire(login), IDLE_MS).unref()
    }
    running -= 1
    waiting.shift()?.()
  }

  return {
    async take(purpose, signal) {
      await turn(enter, waiting, signal)
      try {
        if (closed) throw new GateError('ERR_SHUTTING_DOWN')
        const login = await loginFor(purpose, signal)
        clearTimeout(login.idle)
        login.users += 1
        let isHeld = true
        return {
          client: login.client,
          discard: () => forget(login),
          release() {
            if (isHeld) release(login)
            isHeld = false
          },
        }
      } catch (error) {
        running -= 1
        waiting.shift()?.()
        throw error
      }
    },
    async close() {
      closed = true
      for (const login of [...logins]) retire(login)
    },
  }
}

/** Resolves when its caller is in. Who waits is asked in the order of arrival. */
async function turn(enter: () => boolean, waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  while (!enter()) {
    if (signal.aborted) throw new GateError('ERR_CANCELLED')
    await new Promise<void>((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        waiting.splice(waiting.indexOf(go), 1)
        resolve()
      }
      waiting.push(go)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw new GateError('ERR_CANCELLED')
  let leave = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(new GateError('ERR_CANCELLED'))
    signal.addEventListener('abort', leave, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
