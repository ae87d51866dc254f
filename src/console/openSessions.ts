import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { refuseRevokedPerson } from '../approvals/castVote.ts'
import type { RevocationStore } from '../approvals/ports.ts'
import { GateError } from '../errors.ts'
import type { ConsoleParts, SignedIn } from './ports.ts'

/** One browser in which somebody is signed in. */
export interface Session {
  /** SHA-256 of the id in the cookie: the id itself is nowhere but in the browser. */
  readonly key: string
  /** What every form of this session carries. */
  readonly formToken: string
  /** Milliseconds since 1970. Nothing makes it later. */
  readonly endsAt: number
  readonly reviewer: SignedIn
}

interface Entry extends Session {
  reviewer: SignedIn
  refreshToken: string | undefined
  renewing: Promise<void> | undefined
  /** After a failure of the provider, not before this moment. */
  renewAt: number
}

export interface Sessions {
  /** A new id for every login: one that was in the browser before is never taken over. */
  begin(reviewer: SignedIn, refreshToken: string | undefined): { readonly id: string; readonly session: Session }
  /** The session of a cookie, renewed. Undefined when there is none (any more). The kill switch is asked elsewhere. */
  find(id: string | undefined): Promise<Session | undefined>
  /** Whether it goes on at this moment, kill switch included; for streams that stay open. */
  isLive(session: Session): Promise<boolean>
  end(session: Session): void
}

/** Reviewers are few. The oldest session is forgotten first. */
const MAX_SESSIONS = 5_000
const MAX_OF_PERSON = 10
/** Groups in a token count for five minutes; they are asked for again before that. */
const RENEW_AFTER_MS = 4 * 60_000
const RETRY_AFTER_MS = 15_000

type SessionParts = Pick<ConsoleParts, 'login' | 'verify' | 'maxLoginAge' | 'onProblem'> & {
  readonly desk: { readonly store: RevocationStore; readonly clock: () => number }
}

/** Sessions of this process. They end with it: whoever was signed in signs in again. */
export function openSessions({ login, verify, maxLoginAge, onProblem, desk }: SessionParts): Sessions {
  const entries = new Map<string, Entry>()

  /** Groups as the directory has them now, from a token that the provider gives without a new login. */
  async function renew(entry: Entry, refreshToken: string): Promise<void> {
    try {
      const tokens = await login.renew(refreshToken)
      const reviewer = tokens === 'refused' ? undefined : await verify(tokens.accessToken)
      if (tokens === 'refused' || reviewer?.person !== entry.reviewer.person) {
        entries.delete(entry.key)
        return
      }
      entry.refreshToken = tokens.refreshToken
      entry.reviewer = reviewer
    } catch (error) {
      // A verdict about the person ends the session. An outage does not: what the old token says grows stale by itself.
      if (error instanceof GateError && error.code !== 'ERR_CONSOLE_LOGIN') entries.delete(entry.key)
      else {
        entry.renewAt = desk.clock() + RETRY_AFTER_MS
        onProblem(error)
      }
    }
  }

  async function renewWhenDue(entry: Entry): Promise<void> {
    const { refreshToken } = entry
    const age = desk.clock() - entry.reviewer.issuedAt
    if (refreshToken === undefined || age < RENEW_AFTER_MS || desk.clock() < entry.renewAt) return
    // One at a time: providers take a refresh token that is used twice for a stolen one.
    entry.renewing ??= renew(entry, refreshToken).finally(() => {
      entry.renewing = undefined
    })
    await entry.renewing
  }

  function isOver(entry: Entry): boolean {
    const now = desk.clock()
    return now >= entry.endsAt || now >= entry.reviewer.expiresAt.getTime()
  }

  async function check(entry: Entry): Promise<Session | undefined> {
    if (desk.clock() < entry.endsAt) await renewWhenDue(entry)
    if (isOver(entry)) entries.delete(entry.key)
    return entries.has(entry.key) ? entry : undefined
  }

  return {
    begin(reviewer, refreshToken) {
      const ofPerson = [...entries.values()].filter((entry) => entry.reviewer.person === reviewer.person)
      const tooMany = ofPerson.slice(0, Math.max(0, ofPerson.length - MAX_OF_PERSON + 1))
      for (const entry of tooMany) entries.delete(entry.key)
      const oldest = entries.size >= MAX_SESSIONS ? entries.keys().next().value : undefined
      if (oldest !== undefined) entries.delete(oldest)
      const id = randomBytes(32).toString('base64url')
      const session: Entry = {
        key: keyOf(id),
        formToken: randomBytes(32).toString('base64url'),
        endsAt: reviewer.loginAt + maxLoginAge,
        reviewer,
        refreshToken,
        renewing: undefined,
        renewAt: 0,
      }
      entries.set(session.key, session)
      return { id, session }
    },
    async find(id) {
      const entry = id === undefined ? undefined : entries.get(keyOf(id))
      return entry === undefined ? undefined : await check(entry)
    },
    async isLive({ key }) {
      const entry = entries.get(key)
      if (entry === undefined || (await check(entry)) === undefined) return false
      try {
        await refuseRevokedPerson(entry.reviewer, desk.store)
        return true
      } catch {
        return false
      }
    },
    end: ({ key }) => void entries.delete(key),
  }
}

/** Whether a form carries the token of its session. */
export function isOwnForm(session: Session, form: ReadonlyMap<string, string> | undefined): boolean {
  const [given, expected] = [Buffer.from(form?.get('csrf') ?? ''), Buffer.from(session.formToken)]
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('hex')
}
