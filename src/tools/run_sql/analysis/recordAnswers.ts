import { createHash } from 'node:crypto'
import type { AnalysisSession, BatchStatement, SessionRows } from './session.ts'

/** One thing that a judgement asked the server, in the form in which it is asked again. */
export interface Asked {
  /** What has to be done on the way (CREATE, DROP), or a question that is answered with the digest of its answer. */
  readonly statement: BatchStatement
  /** The name of the question; undefined for what is none. */
  readonly question: string | undefined
  /** SHA-256 of the answer, in hexadecimal; undefined for what has none. */
  readonly digest: string | undefined
}

export interface Recording<Asking extends AnalysisSession> {
  /** Passes everything on, and keeps what was asked. */
  readonly session: Pick<Asking, keyof AnalysisSession>
  /** In order. Undefined when something cannot be asked again in this form. */
  asked(): readonly Asked[] | undefined
}

/**
 * Writes down what a judgement asks, and digests of what the server answers.
 *
 * A judgement is a function of the statement, the settings and these answers: its first question depends on no answer,
 * each later one only on those before it. So when all of them are asked again and every answer has the digest it had,
 * judging again would ask the same, read the same and come to the same, whatever else has changed at the server; what
 * is missing is covered like what is there, because the questions ask for all there is. That holds as long as nothing
 * between the session and the judgement remembers anything.
 *
 * Questions are named statements of one row of text columns; statements of a batch without a name have no answer.
 */
export function recordAnswers<Asking extends AnalysisSession>(session: Asking): Recording<Asking> {
  const asked: Asked[] = []
  let complete = true
  const note = (statement: BatchStatement, { rows }: SessionRows): void => {
    const [row] = rows
    if (statement.name === undefined) {
      if (row !== undefined) complete = false
      asked.push({ statement, question: undefined, digest: undefined })
      return
    }
    const columns = Object.keys(row ?? {})
    const digest = row === undefined ? undefined : digestOf(Object.values(row))
    if (rows.length !== 1 || digest === undefined) complete = false
    else asked.push({ statement: asDigest(statement, statement.name, columns), question: statement.name, digest })
  }
  return {
    session: {
      major: session.major,
      async query(text, params, name) {
        const answer = await session.query(text, params, name)
        if (name === undefined) complete = false
        else note({ text, name, ...(params !== undefined && { params }) }, answer)
        return answer
      },
      async batch(statements) {
        const answers = await session.batch(statements)
        statements.forEach((statement, index) => {
          note(statement, answers[index] ?? { rows: [] })
        })
        return answers
      },
    },
    asked: () => (complete ? asked : undefined),
  }
}

/** Asks everything again, in one round trip, and tells whether every answer is the one it was. */
export async function givesSameAnswers(session: AnalysisSession, asked: readonly Asked[]): Promise<boolean> {
  return areSameAnswers(asked, await session.batch(asked.map(({ statement }) => statement)))
}

/** @param answers to these questions, in their order */
export function areSameAnswers(asked: readonly Asked[], answers: readonly SessionRows[]): boolean {
  return asked.every(({ digest }, index) => {
    if (digest === undefined) return true
    const rows = answers[index]?.rows ?? []
    return rows.length === 1 && rows[0]?.digest === digest
  })
}

/** Every value with its length in front, so that no two answers read the same. Undefined unless all are text or null. */
function digestOf(values: readonly unknown[]): string | undefined {
  const hash = createHash('sha256')
  for (const value of values) {
    if (value !== null && typeof value !== 'string') return undefined
    hash.update(value === null ? '-' : `${Buffer.byteLength(value)}:${value}`)
  }
  return hash.digest('hex')
}

/** The texts of questions are few, and constants. */
const digestTexts = new Map<string, string>()

/** The same question, answered by the server with what `digestOf` says of its answer. */
function asDigest(statement: BatchStatement, name: string, columns: readonly string[]): BatchStatement {
  const parts = columns.map((column) => `coalesce(pg_catalog.octet_length(${column}) || ':' || ${column}, '-')`)
  const text =
    digestTexts.get(statement.text) ??
    // OFFSET 0 keeps the planner from computing each column twice.
    `SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.concat(${parts.join(', ')}), 'UTF8')), 'hex') AS digest
  FROM (${statement.text} OFFSET 0) AS answer (${columns.join(', ')})`
  digestTexts.set(statement.text, text)
  return { ...statement, text, name: `${name}_digest` }
}
