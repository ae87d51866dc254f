import * as z from 'zod'
import type { CallRecord } from '../audit/record.ts'
import { openRecord } from '../audit/record.ts'
import { type ErrorCode, GateError } from '../errors.ts'
import type { GateTool } from '../gateTools/gateTool.ts'
import { authenticate } from '../identity/authenticate.ts'
import { maskFreeText } from '../masking/maskText.ts'
import type { Front, Refusal, ToolListing } from '../mcp/ports.ts'
import { newId } from '../newId.ts'
import type { Gates } from '../pipeline/gates.ts'
import { refuseRevoked } from '../pipeline/refuseRevoked.ts'
import { handleCall } from '../pipeline.ts'
import { reachable } from '../policy/reachable.ts'
import type { Tool } from '../tools/tool.ts'

/** Puts the pipeline behind the wire. */
export function createFront(gates: Gates): Front {
  const listings = new Map([...gates.tools, ...gates.gateTools].map((tool) => [tool.name, listingOf(tool)]))
  return {
    async authenticate(credential) {
      const caller = await authenticate(credential, gates.verifyToken)
      await refuseRevoked(caller, gates)
      return caller
    },
    listTools(caller) {
      const { connections, policies } = gates.inForce()
      const open = reachable(caller, [...connections.values()], gates.tools, policies)
      const names = new Set(open.flatMap(({ tools }) => tools.map(({ tool }) => tool)))
      const shown = [...gates.tools.filter(({ name }) => names.has(name)), ...gates.gateTools]
      return shown.flatMap(({ name }) => listings.get(name) ?? [])
    },
    call: (call, waiter) => handleCall(call, gates, waiter),
    recordRefusal: (refusal) => {
      recordRefusal(refusal, gates).catch((error: unknown) => gates.onBug('request', error))
    },
  }
}

/** No limit stops a caller from running into it: a record for each would cost more than the calls that it keeps off. */
const LIMITS = new Set<ErrorCode>(['ERR_RATE_LIMIT', 'ERR_BUSY'])

/** Before authentication, and over a limit, a refusal is counted; else it is a record of its own. */
async function recordRefusal({ address, code, caller, tool }: Refusal, gates: Gates): Promise<void> {
  const now = new Date(gates.approvals.clock())
  if (LIMITS.has(code)) return gates.record.refusals.count(address, code, now, caller?.subject)
  const record: CallRecord = openRecord(
    {
      id: newId('call'),
      tool: maskFreeText(tool ?? '', gates.maskerFor(undefined)),
      args: null,
      credential: undefined,
      receivedAt: now,
      agent: { name: undefined, version: undefined, conversation: undefined, traceparent: undefined },
      address,
    },
    gates.record,
  )
  if (caller !== undefined) record.identified(caller)
  await record.refused(new GateError(code))
}

function listingOf(tool: Tool | GateTool): ToolListing {
  const { $schema: _, ...schema } = z.toJSONSchema(tool.input, { io: 'input' }) as Record<string, unknown>
  const { name, title, description, annotations } = tool
  return { name, title, description, annotations, inputSchema: { ...schema, type: 'object' } }
}
