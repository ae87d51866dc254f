import { createHash, generateKeyPairSync } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import ssh2, { type AuthContext, type Connection } from 'ssh2'

/** An SSH server that keeps all it was offered, and can misbehave. */
export interface RecordingServer {
  readonly port: number
  readonly fingerprint: string
  /** `password canary`, `publickey`, in the order of arrival; everything a client gave away. */
  readonly offered: string[]
  /** Commands that were to be run. */
  readonly commands: string[]
  /** Requests for a terminal, a forwarding, an environment. */
  readonly extras: string[]
  readonly connections: Connection[]
  close(): Promise<void>
}

export interface RecordingServerOptions {
  readonly accepts?: (context: AuthContext) => boolean
  /** `vanish`: takes a command and then says nothing any more, not even that it goes. */
  readonly onCommand?: 'answer' | 'drop' | 'refuse'
  /** Lets the client in and breaks the protocol, both in one piece. */
  readonly breaksAtLogin?: boolean
}

/** A private key in PEM, as a host or a client has it. */
export function generateKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'sec1', format: 'pem' })
    .toString()
}

export async function startRecordingServer({
  accepts = () => true,
  onCommand = 'answer',
  breaksAtLogin = false,
}: RecordingServerOptions = {}): Promise<RecordingServer> {
  const hostKey = generateKey()
  const parsed = ssh2.utils.parseKey(hostKey)
  if (parsed instanceof Error) throw parsed
  const offered: string[] = []
  const commands: string[] = []
  const extras: string[] = []
  const connections: Connection[] = []
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
    connections.push(connection)
    connection.on('error', () => undefined)
    connection.on('authentication', (context) => {
      offered.push(context.method === 'password' ? `password ${context.password}` : context.method)
      if (breaksAtLogin && context.method !== 'none') letInAndBreak(connection, context)
      else if (!breaksAtLogin && accepts(context)) context.accept()
      else context.reject()
    })
    connection.on('request', (_accept, reject, name) => {
      extras.push(name)
      reject?.()
    })
    connection.on('session', (accept) => {
      const session = accept()
      for (const event of ['pty', 'env', 'x11', 'auth-agent', 'sftp', 'shell', 'subsystem'] as const) {
        session.on(event as 'pty', (_accept, reject) => {
          extras.push(event)
          reject?.()
        })
      }
      session.on('exec', (acceptExec, reject, { command }) => {
        commands.push(command)
        if (onCommand === 'refuse') return reject()
        if (onCommand === 'drop') return void connection.end()
        const channel = acceptExec()
        channel.write('answer\n')
        channel.exit(0)
        channel.end()
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    fingerprint: `SHA256:${createHash('sha256').update(parsed.getPublicSSH()).digest('base64').replace(/=+$/, '')}`,
    offered,
    commands,
    extras,
    connections,
    async close() {
      for (const connection of connections) connection.end()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** The library has no such thing for a server, for good reasons. */
function letInAndBreak(connection: Connection, context: AuthContext): void {
  const inner = connection as unknown as {
    readonly _sock: { cork(): void; uncork(): void }
    readonly _protocol: { disconnect(reason: number): void }
  }
  inner._sock.cork()
  context.accept()
  inner._protocol.disconnect(2)
  inner._protocol.disconnect(2)
  inner._sock.uncork()
}
