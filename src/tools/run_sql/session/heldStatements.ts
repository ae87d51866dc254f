import type { BatchStatement } from '../analysis/session.ts'

/** A statement that a session holds prepared, as the server analysed it at a known time. */
export interface HeldStatement {
  /** Under which the server has it. */
  readonly name: string
  readonly text: string
  /** Answers with `since`, in one row named `since`, until the server analyses the statement again. */
  readonly witness: BatchStatement & { readonly name: string }
  readonly since: string
}

/** The statements that one session holds, by the judgement they are held for. Too many, and those unused longest go. */
export interface HeldStatements {
  find(judgement: object): HeldStatement | undefined
  /**
   * Names for a statement that is about to be prepared. `select` is the same without a semicolon behind it. Every
   * proposal is then held, abandoned or refused.
   */
  propose(text: string, select: string): Proposal
  /** From now on it is held. */
  hold(judgement: object, proposal: Proposal, since: string): void
  drop(judgement: object): void
  abandon(proposal: Proposal): void
  /** It could not be prepared, and is not worth another attempt. */
  refuse(judgement: object): void
  isRefused(judgement: object): boolean
  /** Names of prepared statements that nobody needs any more, once. */
  takeDropped(): readonly string[]
}

export type Proposal = Omit<HeldStatement, 'since'>

/** Each is a plan in the server's memory, for each session. */
const MAX_HELD = 24

/** @param parsed what the server has acknowledged, by name: after an error, and after DISCARD ALL, it is not what was sent */
export function createHeldStatements(parsed: () => Readonly<Record<string, string>>): HeldStatements {
  const held = new Map<object, HeldStatement>()
  const refused = new WeakSet<object>()
  const dropped: string[] = []
  let count = 0
  const drop = (judgement: object): void => {
    const found = held.get(judgement)
    if (found === undefined) return
    held.delete(judgement)
    abandon(found)
  }
  const abandon = ({ name, witness }: Proposal): void => {
    dropped.push(name, witness.name)
  }
  return {
    find: (judgement) => {
      const found = held.get(judgement)
      if (found === undefined) return undefined
      const { name, text, witness } = found
      const isThere = parsed()[name] === text && parsed()[witness.name] === witness.text
      if (!isThere) {
        drop(judgement)
        return undefined
      }
      // A Map keeps the order in which its keys came: the one that was used last goes last.
      held.delete(judgement)
      held.set(judgement, found)
      return found
    },
    propose: (text, select) => {
      count += 1
      const name = `countersign_held_${count}`
      return { name, text, witness: { text: witnessOf(select), name: `${name}_since` } }
    },
    hold: (judgement, proposal, since) => {
      drop(judgement)
      held.set(judgement, { ...proposal, since })
      for (const oldest of held.keys()) {
        if (held.size <= MAX_HELD) break
        drop(oldest)
      }
    },
    drop,
    abandon,
    refuse: (judgement) => void refused.add(judgement),
    isRefused: (judgement) => refused.has(judgement),
    takeDropped: () => dropped.splice(0).filter((name) => Object.hasOwn(parsed(), name)),
  }
}

/**
 * Tells when the server last analysed it: a literal 'now' is the start of the transaction that analyses it, ever after
 * (documentation, 8.5.1.4). The statement is in it, so it depends on all that the statement depends on, and whatever makes
 * the server analyse one of the two again makes it analyse both. It is never run: nothing passes its WHERE.
 *
 * `select` is one SELECT that the server's own parser accepted, on lines of its own, so a trailing comment ends there.
 */
function witnessOf(select: string): string {
  return `SELECT 'now'::pg_catalog.timestamptz::pg_catalog.text AS since WHERE NOT EXISTS (SELECT FROM (\n${select}\n) AS held WHERE false)`
}
