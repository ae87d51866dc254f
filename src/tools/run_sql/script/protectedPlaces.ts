import { PROTECTED_COLUMNS, protectedColumnParameters } from '../analysis/protection.ts'
import type { AnalysisSession } from '../analysis/session.ts'

/**
 * Which columns the names in `protect` stand for at this moment. A script that renames one, or puts another table in its
 * place, would leave the values where no name protects them.
 */
export async function readProtectedPlaces(session: AnalysisSession, protect: readonly string[]): Promise<string> {
  if (protect.length === 0) return ''
  const [answer] = await session.batch([
    {
      text: `SELECT ${PROTECTED_COLUMNS} AS protection`,
      params: protectedColumnParameters(protect),
      name: 'countersign_protected',
    },
  ])
  const found = JSON.parse(String(answer?.rows[0]?.protection ?? 'null')) as Place[] | null
  // Heirs and partitions come and go, and are found when a statement is judged.
  const own = (found ?? []).filter(({ own, column }) => own && column !== null)
  return JSON.stringify(own.map(({ entry, relation, column }) => [entry, relation, column].join(' ')).sort())
}

interface Place {
  readonly entry: number
  readonly relation: number
  readonly column: number | null
  readonly own: boolean
}
