import type { Operation } from '../../../call.ts'
import type { Preview } from '../../tool.ts'
import type { ConnectionPools } from '../connectionPools.ts'
import { previewStatement } from '../preview.ts'
import type { OpenScript } from './executeScript.ts'
import type { JudgedPart } from './judgedPart.ts'

/** Each count may take seconds, and a reviewer's request waits for all of them. */
const MAX_COUNTED = 10

const WRITES = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']

/** What each statement would do, as far as that can be told without running any. Runs nothing that writes. */
export async function previewScript(
  open: OpenScript,
  pools: ConnectionPools,
  signal: AbortSignal,
): Promise<Preview | undefined> {
  const lines: string[] = []
  const missing: string[] = []
  let rows: number | undefined = 0
  let counted = 0
  for (const part of open.parts) {
    const named = `statement ${part.number} (${nameOf(part)})`
    if (part.judgement === undefined) {
      lines.push(
        `${named}: known only when statement ${part.dependsOn} has run; it may do no more than: ${listOf(part)}`,
      )
      missing.push(`What statement ${part.number} does is known only when statement ${part.dependsOn} has run.`)
      rows = undefined
      continue
    }
    if (!WRITES.includes(part.statement.kind)) {
      lines.push(`${named}: ${listOf(part)}`)
      if (part.statement.kind !== 'SelectStmt') {
        missing.push(`Statement ${part.number} changes definitions, which cannot be counted.`)
        rows = undefined
      }
      continue
    }
    if (++counted > MAX_COUNTED) {
      lines.push(`${named}: ${listOf(part)}`)
      missing.push(`Statement ${part.number}: only the first ${MAX_COUNTED} changes are counted.`)
      rows = undefined
      continue
    }
    const { settings, session, connectionName } = open
    const { text: sql, statement, judgement } = part
    const one = await previewStatement(
      { settings, session, connectionName, sql, params: [], statement, judgement, asked: undefined },
      pools,
      signal,
    )
    lines.push(...(one?.lines ?? []).map((line) => `${named}: ${line}`))
    missing.push(...(one?.missing ?? []).map((why) => `Statement ${part.number}: ${why}`))
    rows = rows === undefined || one?.rows === undefined ? undefined : rows + one.rows
  }
  if (counted > 1)
    lines.push('Rows are counted as they are now: an earlier statement can change what a later one finds.')
  return { rows, lines, sample: undefined, missing }
}

/** `UPDATE public.jobs` */
function nameOf({ operations, statement }: JudgedPart): string {
  const own = statement.operations[0]?.operation
  const found = operations.find(({ operation }) => operation === own) ?? operations[0]
  return found === undefined ? statement.kind : describe(found)
}

function listOf({ operations }: JudgedPart): string {
  return operations
    .filter(({ operation }) => operation !== 'script:later')
    .map(describe)
    .join(', ')
}

function describe({ operation, facts }: Operation): string {
  const { tables } = facts
  return Array.isArray(tables) && !operation.includes(':') ? `${operation} ${tables.join(', ')}` : operation
}
