import type { ClientChannel, ConnectConfig, ServerHostKeyAlgorithm, Client as SshClient } from 'ssh2'
import { GateError } from '../../../errors.ts'
import type { PinnedKeys } from '../../ssh_exec/session/hostKeys.ts'
import type { Channel } from './runProcess.ts'

export interface SshTarget {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly pinned: PinnedKeys
  readonly privateKey: string
  readonly passphrase: string | undefined
  /** Path of the repository at the server. */
  readonly path: string
  readonly timeoutMs: number
}

export interface SshChannel {
  /** Joins the remote program with what git reads and writes. */
  join(git: Channel): void
  close(): void
}

/**
 * Starts `git-receive-pack` or `git-upload-pack` at the server. The key stays in this process: git gets a pair of file
 * descriptors and no credential, and no ssh program, agent, configuration or known_hosts file of this machine takes part.
 *
 * @throws GateError ERR_TARGET_UNAVAILABLE, ERR_TARGET_CREDENTIALS
 */
export async function openSshChannel(target: SshTarget, program: 'git-receive-pack' | 'git-upload-pack') {
  const { Client } = await loadSsh()
  const client = new Client()
  // A server can report more than one error, at any time; one that nobody hears would end the process.
  client.on('error', () => {})
  let isWrongKey = false
  const config: ConnectConfig = {
    host: target.host,
    port: target.port,
    username: target.user,
    privateKey: target.privateKey,
    ...(target.passphrase !== undefined && { passphrase: target.passphrase }),
    readyTimeout: Math.min(target.timeoutMs, 20_000),
    keepaliveInterval: 10_000,
    keepaliveCountMax: 3,
    algorithms: { serverHostKey: [...target.pinned.algorithms] as ServerHostKeyAlgorithm[] },
    hostVerifier: (key: Buffer) => {
      isWrongKey = !target.pinned.accepts(key)
      return !isWrongKey
    },
  }
  try {
    await connect(client, config)
    const channel = await run(client, `${program} ${quote(target.path)}`)
    return joinable(client, channel)
  } catch (cause) {
    client.destroy()
    if (cause instanceof GateError) throw cause
    if (isWrongKey) {
      throw new GateError('ERR_SSH_HOST_KEY', { cause })
    }
    const level = (cause as { level?: unknown }).level
    if (level === 'client-authentication') throw new GateError('ERR_TARGET_CREDENTIALS', { cause })
    throw new GateError('ERR_TARGET_UNAVAILABLE', { cause })
  }
}

/** It costs 20 ms and several MB, which gateways without SSH need not pay. */
async function loadSsh(): Promise<{ readonly Client: new () => SshClient }> {
  const loaded = await import('ssh2')
  return 'Client' in loaded ? loaded : (loaded as { default: typeof import('ssh2') }).default
}

function connect(client: SshClient, config: ConnectConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('ready', resolve)
    client.once('error', reject)
    client.once('close', () => reject(new GateError('ERR_TARGET_UNAVAILABLE')))
    try {
      client.connect(config)
    } catch (cause) {
      // The key cannot be read. Its text may be in the message.
      reject(new GateError('ERR_TARGET_CREDENTIALS', { detail: 'The private key cannot be read.', cause }))
    }
  })
}

function run(client: SshClient, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : reject(error)))
  })
}

function joinable(client: SshClient, channel: ClientChannel): SshChannel {
  const close = (): void => {
    client.end()
    client.destroy()
  }
  // A connection that is lost later ends the stream; git then says so.
  client.on('error', () => channel.destroy())
  channel.on('error', () => {})
  channel.stderr.resume()
  return {
    join({ toProcess, fromProcess }) {
      fromProcess.pipe(channel)
      channel.pipe(toProcess)
      channel.on('close', () => toProcess.end())
    },
    close,
  }
}

/** The remote login shell sees one word. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
