import type { Json, Operation } from '../../call.ts'
import { GateError } from '../../errors.ts'
import type { RequestField, Understanding, Understood } from '../tool.ts'
import { checkText } from './checkText.ts'
import type { ConnectionPools } from './connectionPools.ts'
import { describeParameters, describeText } from './describeRequest.ts'
import { executeRead, executeWrite, type OpenStatement, READ_ONLY } from './execute.ts'
import { type FreshJudgement, judgeInTransaction } from './judgeAgain.ts'
import type { Judgement } from './judgeStatement.ts'
import type { KeptJudgement } from './keptJudgements.ts'
import { previewStatement } from './preview.ts'
import { countParameters, type ParameterValue, readParameters } from './readParameters.ts'
import { toOperation } from './resolveDefinition.ts'
import { scrubError } from './scrubError.ts'
import type { TakenSession } from './session/createSessionPool.ts'
import type { PostgresConnection } from './settings.ts'
import { classify, type NamedRelation, type Statement } from './syntax/classify.ts'
import { parseStatement } from './syntax/parse.ts'

export interface SqlArguments {
  readonly sql: string
  readonly params: readonly ParameterValue[]
}

/**
 * Text -> parsed by the server's grammar -> what it does by its form -> what the server says it means, in a transaction
 * that stays open: its locks keep the meaning until `execute` runs the very bytes that were judged, or `release`.
 */
export async function understand(
  pools: ConnectionPools,
  { sql, params }: SqlArguments,
  connectionName: string,
  signal: AbortSignal,
  onLikely: (likely: Understood) => void = () => undefined,
): Promise<Understanding> {
  checkText(sql, 'sql')
  const settings = pools.settings(connectionName)
  const major = await pools.pool(connectionName, 'read', settings).major(signal)
  const memory = pools.judgements(connectionName, settings)
  // Whatever a judgement depends on beside the settings and what the server answers: the grammar and the statement.
  const key = `${major} ${params.length} ${sql}`
  const kept = memory.get(key)
  const statement = kept?.statement ?? classify(await parseStatement(sql, major))
  const values = readParameters(params, kept === undefined ? countParameters(statement.root) : params.length)
  const refusal = refusedByForm(statement, settings)
  if (refusal !== undefined) return refuse(refusal, sql, params, statement, connectionName, settings)

  const session = await pools.pool(connectionName, statement.role, settings).take(signal)
  try {
    // The server was upgraded since the last session: its grammar is another one now.
    if (session.major !== major) throw new GateError('ERR_TARGET_UNAVAILABLE')
    const call = { connectionName, settings, sql, params: values, statement }
    const understoodAs = (judgement: Judgement, described: RequestField): Understood => ({
      effect: statement.effect,
      operations: judgement.operations,
      judged: { sql, params, kind: statement.kind, meaning: judgement.judged },
      target: targetOf(connectionName, settings, statement),
      request: [described, ...describeParameters(params, judgement, settings)],
    })
    const opening = openStatement(session, call, kept, signal)
    const likely = kept && understoodAs(kept.judgement, kept.described)
    if (likely !== undefined) onLikely(likely)
    const open = await opening
    const { judgement, asked } = open
    const isKept = judgement === kept?.judgement
    const described = isKept ? kept.described : describeText(sql, statement, judgement, settings)
    if (!isKept) {
      memory.forget(key)
      if (asked !== undefined) memory.keep(key, { statement, judgement, asked, described })
    }
    return {
      ...(isKept && likely !== undefined ? likely : understoodAs(judgement, described)),
      preview: (previewSignal) => previewStatement(open, pools, previewSignal),
      execute: (call, beforeCommit, executeSignal) =>
        statement.effect === 'read'
          ? executeRead(open, executeSignal)
          : executeWrite(open, call, beforeCommit, executeSignal, pools),
      release: async () => session.release(),
    }
  } catch (error) {
    if (session.isOpen()) session.release()
    else session.discard()
    throw error
  }
}

async function openStatement(
  session: TakenSession,
  call: Omit<OpenStatement, 'session' | keyof FreshJudgement>,
  kept: KeptJudgement | undefined,
  signal: AbortSignal,
): Promise<OpenStatement> {
  const { statement } = call
  const cancel = (): void => void session.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const fresh = await judgeInTransaction(session, call, kept, signal)
    if (statement.effect === 'read' && fresh.held === undefined) session.precede(READ_ONLY)
    signal.throwIfAborted()
    const { judgement, asked, held } = fresh
    return { ...call, session, judgement, asked, ...(held && { held }) }
  } catch (error) {
    throw scrubError(error, 'names', signal)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** Operations that are never allowed need no server, and get none. */
export function refusedByForm(statement: Statement, settings: PostgresConnection): readonly Operation[] | undefined {
  const lacksRole = statement.role === 'write' && settings.write === undefined
  if (!lacksRole && !statement.operations.some(({ floor }) => floor === 'deny')) return undefined
  return statement.operations.map((found) => {
    const tables = found.targets.map(nameOf)
    const operation = toOperation(found, tables.length === 0 ? {} : { tables })
    if (!lacksRole || found.floor === 'deny') return operation
    return { ...operation, floor: 'deny', because: 'the connection has no role that writes' }
  })
}

function refuse(
  operations: readonly Operation[],
  sql: string,
  params: readonly ParameterValue[],
  statement: Statement,
  connectionName: string,
  settings: PostgresConnection,
): Understanding {
  return {
    effect: statement.effect,
    operations,
    judged: { sql, params, kind: statement.kind, meaning: null },
    target: targetOf(connectionName, settings, statement),
    request: [describeText(sql, statement, undefined, settings), ...describeParameters(params, undefined, settings)],
    preview: async () => undefined,
    execute: async () => {
      throw new GateError('ERR_POLICY_DENIED')
    },
    release: async () => undefined,
  }
}

function nameOf({ schema, name }: NamedRelation): string {
  return schema === undefined ? name : `${schema}.${name}`
}

/** What an approval is bound to. */
export function targetOf(connection: string, settings: PostgresConnection, { role }: Pick<Statement, 'role'>): Json {
  const { host, port, database, protect, predicates, trustedFunctions, searchPath } = settings
  const user = settings[role]?.user ?? ''
  return { connection, host, port, database, user, searchPath, protect, predicates, trustedFunctions }
}
