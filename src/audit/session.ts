import { hash } from 'node:crypto'
import type { AgentInfo, Caller } from '../call.ts'
import { newId } from '../newId.ts'

const GAP_MS = 30 * 60_000

/** Sessions that are remembered between calls. The least recent is forgotten first: its next call starts a new one. */
const REMEMBERED = 10_000

/** Which session a call belongs to. */
export type SessionOf = (caller: Caller, agent: AgentInfo, at: Date) => string

/**
 * Groups the calls of one caller and agent: by the conversation id that the client sends, else a gap of 30 minutes
 * starts a new session, and so does a restart of the gateway. The client's id is untrusted, so it is only a name within
 * its own caller and agent: nobody can write into another caller's session.
 */
export function openSessions(): SessionOf {
  const recent = new Map<string, { id: string; last: number }>()

  return (caller, agent, at) => {
    const key = JSON.stringify([caller.key, agent.name ?? null])
    if (agent.conversation !== undefined) return namedSession(key, agent.conversation)
    const known = recent.get(key)
    const continues = known !== undefined && at.getTime() - known.last < GAP_MS
    const session = { id: continues ? known.id : newId('ses', at.getTime()), last: at.getTime() }
    recent.delete(key)
    recent.set(key, session)
    const oldest = recent.size > REMEMBERED ? recent.keys().next().value : undefined
    if (oldest !== undefined) recent.delete(oldest)
    return session.id
  }
}

function namedSession(key: string, conversation: string): string {
  const digest = hash('sha256', JSON.stringify([key, conversation]))
  return `ses_${digest.slice(0, 26)}`
}
