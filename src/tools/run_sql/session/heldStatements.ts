import type { BatchStatement } from '../analysis/session.ts'

/** A statement that a session holds prepared, as the server analysed it at a known time. */
export interface HeldStatement {
  /** Under which the server has it. */
  readonly name: string
  readonly text: string
  /**
   * Answers with one text, until the server analyses the statement again or something else is found behind it: then it
   * answers otherwise, and the statement must not be run.
   */
  readonly witness: NamedStatement
  readonly answer: string
  /** The same with less behind it, asked when it has run: about what no lock keeps from changing meanwhile. */
  readonly watch: NamedStatement
  readonly watched: string
}

type NamedStatement = BatchStatement & { readonly name: string }

/** The statements that one session holds, by the judgement they are held for. Too many, and those unused longest go. */
export interface HeldStatements {
  find(judgement: object): HeldStatement | undefined
  /** Names for a statement that is about to be prepared. Every proposal is then held or abandoned. */
  propose(text: string, witnessText: string, watchText: string): Proposal
  /** From now on it is held. */
  hold(judgement: object, proposal: Proposal, answers: Pick<HeldStatement, 'answer' | 'watched'>): void
  drop(judgement: object): void
  abandon(proposal: Proposal): void
  /** It could not be prepared, and is not worth another attempt. */
  refuse(judgement: object): void
  isRefused(judgement: object): boolean
  /** Names of prepared statements that nobody needs any more, once. */
  takeDropped(): readonly string[]
}

export type Proposal = Omit<HeldStatement, 'answer' | 'watched'>

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
  const abandon = ({ name, witness, watch }: Proposal): void => {
    dropped.push(name, witness.name, watch.name)
  }
  return {
    find: (judgement) => {
      const found = held.get(judgement)
      if (found === undefined) return undefined
      if (![found, found.witness, found.watch].every(({ name, text }) => parsed()[name] === text)) {
        drop(judgement)
        return undefined
      }
      // A Map keeps the order in which its keys came: the one that was used last goes last.
      held.delete(judgement)
      held.set(judgement, found)
      return found
    },
    propose: (text, witnessText, watchText) => {
      count += 1
      const name = `countersign_held_${count}`
      const witness = { text: witnessText, name: `${name}_witness` }
      return { name, text, witness, watch: { text: watchText, name: `${name}_watch` } }
    },
    hold: (judgement, proposal, answers) => {
      drop(judgement)
      held.set(judgement, { ...proposal, ...answers })
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
