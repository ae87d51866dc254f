import type * as z from 'zod'
import type { Caller, Json } from '../call.ts'
import { GateError } from '../errors.ts'
import { refusePlaceholders } from '../masking/refusePlaceholders.ts'
import { isReachable } from '../policy/reachable.ts'
import type { Tool, ToolArguments } from '../tools/tool.ts'
import type { GateConnection, InForce } from './gates.ts'

/** A call of a gated tool whose arguments fit, on a connection that this caller may know about. */
export interface ToolRequest {
  readonly tool: Tool
  readonly args: ToolArguments
  readonly rawArgs: Json
  readonly connection: GateConnection
}

/**
 * Checks the arguments and finds the connection.
 *
 * @throws GateError ERR_ARGUMENTS, ERR_PLACEHOLDER, ERR_CONNECTION_UNKNOWN
 */
export function readRequest(tool: Tool, rawArgs: Json, caller: Caller, inForce: InForce): ToolRequest {
  refusePlaceholders(rawArgs)
  const args = checkArguments(tool.input, rawArgs)
  return { tool, args, rawArgs, connection: findConnection(args.connection, tool, caller, inForce) }
}

/**
 * The connection of that name. One that is not configured and one that no rule opens to this caller get the same answer,
 * so that names cannot be probed.
 *
 * @throws GateError ERR_CONNECTION_UNKNOWN
 */
export function findConnection(
  name: string,
  tool: Tool,
  caller: Caller,
  { connections, policies }: InForce,
): GateConnection {
  const connection = connections.get(name)
  if (connection === undefined || !isReachable(caller, connection, tool, policies)) {
    const unknownGroups = caller.groups.known
      ? {}
      : {
          detail: `Group membership of this caller is not known (${caller.groups.why}), so rules bound to groups do not open anything.`,
        }
    throw new GateError('ERR_CONNECTION_UNKNOWN', unknownGroups)
  }
  return connection
}

/** Validated arguments. The refusal names fields and what they should be, never the values that were sent. */
export function checkArguments<Output>(schema: z.ZodType<Output>, args: Json): Output {
  const parsed = schema.safeParse(args)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.slice(0, 5).map(({ path, message }) => {
    const field = path.map(String).join('.').slice(0, 64)
    return field === '' ? message : `${field}: ${message}`
  })
  throw new GateError('ERR_ARGUMENTS', { detail: `${problems.join('; ').slice(0, 500)}.` })
}
