import { GateError } from '../../../errors.ts'
import type { Analysis, AnalysisOptions, AnalysisStatement } from './analysis.ts'
import { collectReferences } from './collectReferences.ts'
import { describeAnalysis } from './describeAnalysis.ts'
import { lineageSource } from './lineageSource.ts'
import { emptyCatalog, followReferences } from './readCatalog.ts'
import { UnreadableTree } from './readNodeTree.ts'
import { readStatementTree } from './readStatementTree.ts'
import type { AnalysisSession } from './session.ts'
import { traceConsequences } from './traceConsequences.ts'
import { traceLineage } from './traceLineage.ts'

const MAJORS: ReadonlySet<number> = new Set([15, 16, 17, 18])

/**
 * Asks the server what a statement means and reports everything it would do. Changes nothing that a COMMIT would keep,
 * and keeps the locks of the analysis until the transaction ends.
 *
 * Throws ERR_SQL_NOT_UNDERSTOOD and ERR_SQL_TOO_COMPLEX for what cannot be judged, ERR_SQL_PROTECTED_COLUMN for a
 * misspelt `protect`, and whatever `session.query` throws when the server rejects the statement.
 */
export async function analyze(
  session: AnalysisSession,
  statement: AnalysisStatement,
  options: AnalysisOptions,
): Promise<Analysis> {
  if (!MAJORS.has(session.major)) {
    throw new GateError('ERR_SQL_SERVER', { detail: 'Statements are judged on PostgreSQL 15 to 18.' })
  }
  try {
    const tree = await readStatementTree(session, statement.sql, statement.parameterCount, options.protect)
    const catalog = emptyCatalog()
    collectReferences(tree.query, catalog.references)
    await followReferences(session, catalog)
    const lineage = traceLineage(tree.query, lineageSource(catalog, tree.protection, new Set(options.trustedFunctions)))
    const consequences = await traceConsequences(session, lineage.writes, catalog, tree.protection)
    return describeAnalysis({ tree, catalog, lineage, consequences, statement, options })
  } catch (error) {
    if (error instanceof UnreadableTree) {
      throw new GateError('ERR_SQL_NOT_UNDERSTOOD', { cause: error })
    }
    if (error instanceof RangeError) throw new GateError('ERR_SQL_TOO_COMPLEX', { cause: error })
    throw error
  }
}
