import { clear } from '../approvals/clear.ts'
import type { Json } from '../call.ts'
import { GateError } from '../errors.ts'
import { checkStillValid } from '../identity/authenticate.ts'
import type { Tool, ToolArguments, Understanding } from '../tools/tool.ts'
import { execute } from './execute.ts'
import type { GateConnection } from './gates.ts'
import { judge } from './judge.ts'
import type { Passage } from './passage.ts'

/**
 * Runs what a route beside MCP has understood, through the same gates as a call: decided, cleared, intent on record,
 * executed, finished. Nobody can be asked inside of another protocol, so what would need approval is denied.
 *
 * @throws GateError ERR_POLICY_DENIED and everything that a call can be stopped by
 */
export async function runUnderstood(
  tool: Tool,
  args: ToolArguments & { readonly [name: string]: Json },
  connection: GateConnection,
  understand: () => Promise<Understanding>,
  passage: Passage,
): Promise<void> {
  const { gates, caller, call, masker, record, waiter } = passage
  const inForce = gates.inForce()
  const understanding = await understand()
  try {
    const request = { tool, args, rawArgs: args, connection }
    const judged = judge(request, understanding, inForce, passage)
    if (judged.decision.action !== 'allow') throw new GateError('ERR_POLICY_DENIED')
    checkStillValid(caller, new Date(gates.approvals.clock()))
    const clearance = await clear(
      {
        ...{ callId: call.id, caller, agent: call.agent, tool: tool.name, connection: connection.name },
        ...{ labels: connection.labels, connectionVersion: connection.version, args, effect: understanding.effect },
        ...{ decision: judged.decision, digest: judged.digest, constraints: judged.constraints },
        ...{ idempotencyKey: undefined, approvalId: undefined },
        describe: async () => ({ ...judged.shown, reason: undefined, preview: undefined }),
      },
      gates.approvals,
    )
    if (clearance.state !== 'cleared') throw new GateError('ERR_POLICY_DENIED')
    const { call: cleared, hold } = clearance
    await execute(
      { judged, call: cleared, hold, masker, record, signal: waiter.signal, progress: waiter.progress },
      gates,
    )
  } finally {
    await understanding.release()
  }
}
