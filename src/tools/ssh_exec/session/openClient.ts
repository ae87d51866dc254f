import type { Client, ConnectConfig, PasswordAuthMethod, PublicKeyAuthMethod } from 'ssh2'
import { GateError } from '../../../errors.ts'
import type { ReadSecret } from '../../../settings/secretReference.ts'
import type { SshConnection } from '../settings.ts'
import { type PinnedKeys, readPinnedKeys } from './hostKeys.ts'

export interface ClientParts {
  readonly readSecret: ReadSecret
  readonly alsoSecret: (value: string) => void
}

/** Longest time until the host has let the gate in. */
const LOGIN_MS = 15_000
/** A peer that has not answered three of these is dead. */
const KEEPALIVE_MS = 5_000

/**
 * What is offered to a host: forward secrecy, SHA-2, authenticated ciphers. Left out on purpose: chacha20-poly1305 and
 * the encrypt-then-MAC modes of CBC (CVE-2023-48795), CBC, SHA-1, group 1 and 14 with SHA-1, compression.
 */
const ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
  ],
  cipher: ['aes256-gcm@openssh.com', 'aes128-gcm@openssh.com', 'aes256-ctr', 'aes192-ctr', 'aes128-ctr'],
  hmac: ['hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512', 'hmac-sha2-256'],
  compress: ['none'],
} as const

type AuthenticationMethod = PasswordAuthMethod | PublicKeyAuthMethod

interface Credential {
  readonly method: 'publickey' | 'password'
  readonly secret: string
  readonly passphrase: string | undefined
}

/**
 * A client that is logged in. The host key is compared before anything of the credential is used; no agent, no
 * forwarding, no terminal. A credential that is refused is read anew, once: it may have been rotated a moment ago.
 *
 * @throws GateError ERR_SSH_HOST_KEY, ERR_TARGET_CREDENTIALS, ERR_TARGET_UNAVAILABLE, ERR_SECRET, ERR_CANCELLED
 */
export async function openClient(settings: SshConnection, parts: ClientParts, signal: AbortSignal): Promise<Client> {
  const pinned = await readPinnedKeys(settings, parts.readSecret)
  const credential = await readCredential(settings, parts)
  try {
    return await logIn(settings, pinned, credential, signal)
  } catch (error) {
    if (!(error instanceof GateError && error.code === 'ERR_TARGET_CREDENTIALS')) throw error
    const now = await readCredential(settings, parts)
    if (now.secret === credential.secret && now.passphrase === credential.passphrase) throw error
    return await logIn(settings, pinned, now, signal)
  }
}

async function readCredential(
  { privateKey, passphrase, password }: SshConnection,
  { readSecret, alsoSecret }: ClientParts,
): Promise<Credential> {
  if (password !== undefined) {
    return { method: 'password', secret: withoutLineEnd(await readSecret(password)), passphrase: undefined }
  }
  if (privateKey === undefined) throw new GateError('ERR_SECRET', { detail: 'No credential is configured.' })
  const secret = await readSecret(privateKey)
  // The single lines of a key give it away as well as the whole.
  for (const line of secret.split(/\r?\n/)) if (line.length >= 16 && !line.startsWith('-----')) alsoSecret(line)
  return {
    method: 'publickey',
    secret,
    passphrase: passphrase === undefined ? undefined : withoutLineEnd(await readSecret(passphrase)),
  }
}

/** A file ends in a line feed that is not part of the secret. */
const withoutLineEnd = (secret: string) => secret.replace(/\r?\n$/, '')

async function logIn(
  settings: SshConnection,
  pinned: PinnedKeys,
  { method, secret, passphrase }: Credential,
  signal: AbortSignal,
): Promise<Client> {
  if (signal.aborted) throw new GateError('ERR_CANCELLED')
  const { default: ssh2 } = await import('ssh2')
  const username = settings.user
  let auth: AuthenticationMethod
  if (method === 'password') auth = { type: 'password', username, password: secret }
  else {
    const key = ssh2.utils.parseKey(secret, passphrase)
    if (key instanceof Error) {
      throw new GateError('ERR_SECRET', { detail: 'The private key of the connection cannot be read.' })
    }
    // Read once: deriving the key of a passphrase costs a second.
    auth = { type: 'publickey', username, key }
  }
  const client = new ssh2.Client()
  let isOtherKey = false
  const config: ConnectConfig = {
    host: settings.host,
    port: settings.port,
    username,
    hostVerifier: (key: Buffer) => {
      const isPinned = pinned.accepts(key)
      isOtherKey = !isPinned
      return isPinned
    },
    authHandler: [auth],
    algorithms: { ...copyOf(ALGORITHMS), serverHostKey: [...pinned.algorithms] } as ConnectConfig['algorithms'] &
      object,
    agentForward: false,
    tryKeyboard: false,
    readyTimeout: LOGIN_MS,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: 3,
    strictVendor: false,
  }
  return await new Promise<Client>((resolve, reject) => {
    const stop = (error: GateError) => {
      client.removeAllListeners()
      // What a dying connection says after this is of no interest, and must not end the process.
      client.on('error', () => undefined)
      client.destroy()
      signal.removeEventListener('abort', onAbort)
      reject(error)
    }
    const onAbort = () => stop(new GateError('ERR_CANCELLED'))
    signal.addEventListener('abort', onAbort, { once: true })
    client.once('error', (error) => stop(errorOf(error, isOtherKey)))
    client.once('close', () => stop(new GateError('ERR_TARGET_UNAVAILABLE')))
    client.once('ready', () => {
      signal.removeEventListener('abort', onAbort)
      client.removeAllListeners()
      // What stood behind the welcome in the same packet is read before anybody else listens, and must not end the process.
      client.on('error', () => undefined)
      resolve(client)
    })
    try {
      client.connect(config)
    } catch (cause) {
      stop(new GateError('ERR_TARGET_UNAVAILABLE', { cause }))
    }
  })
}

function copyOf(lists: typeof ALGORITHMS): Record<string, string[]> {
  return Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, [...list]]))
}

/** The library's messages stay here: they can repeat what the host sent. */
function errorOf(cause: Error & { level?: unknown }, isOtherKey: boolean): GateError {
  if (isOtherKey) return new GateError('ERR_SSH_HOST_KEY', { cause })
  if (cause.level === 'client-authentication') return new GateError('ERR_TARGET_CREDENTIALS', { cause })
  return new GateError('ERR_TARGET_UNAVAILABLE', { cause })
}
