import { type Client, Connection } from 'pg'
import type { TlsOptions } from './tlsOptions.ts'

/**
 * Asks the server to stop what this client's session is doing (CancelRequest, on a connection of its own). Resolves when
 * the request is sent or failed: whether it had an effect shows in the session itself.
 */
export async function cancelRequest(client: Client, tls: TlsOptions): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number | null; secretKey: number | null }
  if (processID === null || secretKey === null) return
  const connection = new Connection({ ssl: tls }) as unknown as CancellingConnection
  await new Promise<void>((resolve) => {
    // Every later error too: an emitter without a listener for it would end the process.
    connection.on('error', () => resolve())
    connection.once('end', () => resolve())
    connection.once('connect', () => (tls === false ? cancel() : connection.requestSsl()))
    connection.once('sslconnect', cancel)
    const timer = setTimeout(() => resolve(), 2_000)
    timer.unref()
    connection.connect(client.port, client.host)
    function cancel(): void {
      connection.cancel(processID, secretKey)
    }
  })
  connection.stream.destroy()
}

interface CancellingConnection {
  readonly stream: { destroy(): void }
  on(event: string, listener: () => void): void
  once(event: string, listener: () => void): void
  connect(port: number, host: string): void
  requestSsl(): void
  cancel(processId: number | null, secretKey: number | null): void
}
