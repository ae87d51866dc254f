import type { Json, StartedCall } from '../../../src/call.ts'
import type { LookUpAddresses } from '../../../src/tools/http_request/createConnector.ts'
import { type HttpConnection, httpConnection } from '../../../src/tools/http_request/settings.ts'
import { createHttpRequest } from '../../../src/tools/http_request/tool.ts'
import type { OpenTool, ToolOutput, Understanding } from '../../../src/tools/tool.ts'

export const settingsOf = (written: Readonly<Record<string, unknown>>): HttpConnection =>
  httpConnection.parse({ type: 'http', ...written })

export interface OpenHttp {
  readonly opened: OpenTool
  /** Values that the tool taught the masker. */
  readonly taught: readonly string[]
  /** Secrets by name of the environment variable; may be changed (rotation). */
  readonly secrets: Map<string, string>
  readonly committed: readonly Json[]
  settings(): HttpConnection
  use(settings: HttpConnection): void
  understand(args: Readonly<Record<string, unknown>>): Promise<Understanding>
  /** Runs it as a cleared call. */
  send(args: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<ToolOutput>
}

/** The tool on one connection `api`, without a gateway around it. */
export function openHttp(
  written: Readonly<Record<string, unknown>>,
  secrets: Readonly<Record<string, string>> = {},
  lookUp?: LookUpAddresses,
): OpenHttp {
  let settings = settingsOf(written)
  const known = new Map(Object.entries(secrets))
  const taught: string[] = []
  const committed: Json[] = []
  const parts = {
    readSecret: async (reference: { env: string } | { file: string }) => {
      const value = 'env' in reference ? known.get(reference.env) : undefined
      if (value === undefined) throw new Error('no such secret')
      return value
    },
    alsoSecret: (value: string) => void taught.push(value),
    connections: () => ({ api: settings }),
  }
  const opened = createHttpRequest(parts, lookUp)
  const understand = (args: Readonly<Record<string, unknown>>) =>
    opened.tool.understand(opened.tool.input.parse({ connection: 'api', method: 'GET', ...args }), 'api', NEVER)
  return {
    opened,
    taught,
    secrets: known,
    committed,
    settings: () => settings,
    use(other) {
      settings = other
    },
    understand,
    async send(args, signal = NEVER) {
      const understanding = await understand(args)
      return understanding.execute(CLEARED, async (ref) => void committed.push(ref), signal)
    },
  }
}

export const CLEARED = { callId: 'call_x', approvalId: undefined, constraints: { maxRows: undefined } } as StartedCall

const NEVER = new AbortController().signal
