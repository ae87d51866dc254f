import type { Json, Operation } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import type { Understanding } from '../../tool.ts'
import { checkText } from '../checkText.ts'
import type { ConnectionPools } from '../connectionPools.ts'
import { type ParameterValue, readParameters } from '../readParameters.ts'
import { scrubError } from '../scrubError.ts'
import type { TakenSession } from '../session/createSessionPool.ts'
import type { PostgresConnection } from '../settings.ts'
import type { SqlArguments } from '../understand.ts'
import { refusedByForm, targetOf } from '../understand.ts'
import { describeScript } from './describeScript.ts'
import { executeScript, type OpenScript } from './executeScript.ts'
import type { JudgedPart } from './judgedPart.ts'
import { judgeScript } from './judgeScript.ts'
import { previewScript } from './previewScript.ts'
import { type ScriptPart, splitScript } from './splitScript.ts'

/**
 * Several statements as one call: each is judged as it would be alone, all of them are shown, and they run in one
 * transaction, on the role that writes.
 */
export async function understandScript(
  pools: ConnectionPools,
  { sql, params }: SqlArguments,
  connectionName: string,
  signal: AbortSignal,
): Promise<Understanding> {
  checkText(sql, 'sql')
  checkNoParameters(params)
  const settings = pools.settings(connectionName)
  const major = await pools.pool(connectionName, 'read', settings).major(signal)
  const parts = await splitScript(sql, major)
  const target = targetOf(connectionName, settings, { role: 'write' })
  const denied = parts.some(({ statement }) => refusedByForm(statement, settings) !== undefined)
  if (denied) return refuse(sql, parts, settings, target)

  const session = await pools.pool(connectionName, 'write', settings).take(signal)
  try {
    if (session.major !== major) throw new GateError('ERR_TARGET_UNAVAILABLE')
    const judged = await judgeInOrder(session, parts, settings, signal)
    const open: OpenScript = { connectionName, settings, session, parts: judged }
    return {
      effect: 'write',
      operations: withoutRepeats(judged.flatMap(({ operations }) => operations)),
      judged: { script: sql, statements: judged.map(({ judged: one }) => one) },
      target,
      request: [describeScript(sql, judged, settings)],
      preview: (previewSignal) => previewScript(open, pools, previewSignal),
      execute: (call, beforeCommit, executeSignal, report) =>
        executeScript(open, call, beforeCommit, executeSignal, pools, report),
      release: async () => session.release(),
    }
  } catch (error) {
    if (session.isOpen()) session.release()
    else session.discard()
    throw error
  }
}

function checkNoParameters(params: readonly ParameterValue[]): void {
  readParameters(params, 0)
}

async function judgeInOrder(
  session: TakenSession,
  parts: readonly ScriptPart[],
  settings: PostgresConnection,
  signal: AbortSignal,
): Promise<readonly JudgedPart[]> {
  const cancel = (): void => void session.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    session.precede('BEGIN READ WRITE')
    const judged = await judgeScript(session, parts, settings)
    signal.throwIfAborted()
    return judged
  } catch (error) {
    throw scrubError(error, 'names', signal)
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** Something in it never runs, so no server is asked about any of it. */
function refuse(sql: string, parts: readonly ScriptPart[], settings: PostgresConnection, target: Json): Understanding {
  const operations = parts.flatMap(({ statement }) => refusedByForm(statement, settings) ?? [])
  return {
    effect: 'write',
    operations: withoutRepeats(operations),
    judged: { script: sql, statements: null },
    target,
    request: [describeScript(sql, parts, settings)],
    preview: async () => undefined,
    execute: async () => {
      throw new GateError('ERR_POLICY_DENIED')
    },
    release: async () => undefined,
  }
}

/** A hundred INSERTs into one table are one thing to allow. */
function withoutRepeats(operations: readonly Operation[]): readonly Operation[] {
  return [...new Map(operations.map((operation) => [JSON.stringify(operation), operation])).values()]
}
