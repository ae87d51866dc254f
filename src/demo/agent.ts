import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

/** The envelope that every tool of the gateway answers with. */
export interface Envelope {
  readonly status: string
  readonly call_id: string
  readonly approval_id?: string
  readonly code?: string
  readonly message: string
  readonly next_step: string
  readonly details?: unknown
  readonly result?: {
    readonly columns?: readonly string[]
    readonly rows?: readonly (readonly unknown[])[]
    readonly rows_changed?: number
    readonly command?: string
    readonly truncated?: boolean
  }
  readonly masked?: readonly { readonly where: string; readonly why: string }[]
}

/** A real MCP client that speaks to the gateway as a coding agent does. */
export interface DemoAgent {
  call(tool: string, args: Readonly<Record<string, unknown>>, onProgress?: (message: string) => void): Promise<Envelope>
  close(): Promise<void>
}

export async function connectAgent(url: string, token: string): Promise<DemoAgent> {
  const client = new Client({ name: 'countersign-demo', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  const headers = { authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))
  return {
    async call(tool, args, onProgress) {
      const result = await client.callTool(
        { name: tool, arguments: { ...args } },
        { timeout: 120_000, resetTimeoutOnProgress: true, onprogress: ({ message }) => onProgress?.(message ?? '') },
      )
      return result.structuredContent as unknown as Envelope
    },
    close: () => client.close(),
  }
}
