import * as z from 'zod'
import type { Json } from '../../call.ts'
import { connectionName, reason } from '../callFields.ts'
import type { OpenTool, Tool, ToolParts } from '../tool.ts'
import { type LookUpAddresses, lookUpWithSystem } from './createConnector.ts'
import { learnHeldSecrets } from './heldHeaders.ts'
import { MATCH_KEYS } from './matchKeys.ts'
import { selfTest } from './selfTest.ts'
import { type HttpConnection, METHODS } from './settings.ts'
import { openTargets } from './targets.ts'
import { understand } from './understand.ts'

const input = z.strictObject({
  connection: connectionName,
  method: z.enum(METHODS),
  path: z
    .string()
    .default('/')
    .describe('Path below the base URL of the connection, without query. Each segment may be percent-encoded, once.'),
  query: z
    .record(z.string().max(256), z.union([z.string(), z.array(z.string()).max(100)]))
    .default({})
    .describe('Query parameters, not encoded.'),
  headers: z
    .record(z.string().max(128), z.string())
    .default({})
    .describe(
      'Headers that the connection lets callers set, such as accept and if-match. Credentials are added by the gateway.',
    ),
  body: z.unknown().optional().describe('A JSON value, sent as JSON; or a text, with its content-type in headers.'),
  reason,
  idempotency_key: z
    .string()
    // It becomes the value of a header.
    .regex(/^[\x21-\x7e]{1,128}$/, 'up to 128 characters of ASCII without spaces')
    .optional()
    .describe('For writes: the same key never runs twice; it is passed on to the target too. Choose a random one.'),
})

/** http_request. `lookUp` asks for the addresses of a name; the system's way unless a test brings another. */
export function createHttpRequest(
  parts: ToolParts<HttpConnection>,
  lookUp: LookUpAddresses = lookUpWithSystem,
): OpenTool {
  const targets = openTargets(parts, lookUp)
  const tool: Tool = {
    name: 'http_request',
    title: 'HTTP request',
    description:
      'Sends one HTTP request to an API behind a connection: method, path below its base URL, query, a few headers and a body. The gateway adds the credentials. Redirects are not followed. Writes may need a person’s approval first; the answer then says how to wait for it.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    input,
    connectionType: 'http',
    operations: METHODS,
    match: MATCH_KEYS,
    async understand(args, connectionName) {
      const { method, path, query, headers, body, idempotency_key } = input.parse(args)
      return understand(
        targets,
        { method, path, query, headers, body: body as Json | undefined, idempotency_key },
        connectionName,
      )
    },
  }
  return {
    tool,
    // No server can be asked in general what became of a request.
    lookUpOutcome: async () => 'unknown',
    selfTest: (connectionName) => selfTest(targets, connectionName),
    reconnect: () => targets.reconnect(),
    async learnCredentials() {
      for (const { headers } of Object.values(parts.connections())) await learnHeldSecrets(headers, parts)
    },
    close: () => targets.close(),
  }
}
