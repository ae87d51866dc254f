import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { GateError } from '../../../errors.ts'
import type { ReadSecret } from '../../../settings/secretReference.ts'
import type { SshConnection } from '../settings.ts'

/** The keys that a host may show. */
export interface PinnedKeys {
  accepts(key: Buffer): boolean
  /** Kinds of key to ask the host for, best first. */
  readonly algorithms: readonly string[]
}

/** A host and where its keys are written down. */
export type PinnedHost = Pick<SshConnection, 'host' | 'port' | 'hostKey' | 'knownHosts'>

/** Modern kinds of host key, best first. `ssh-rsa` with SHA-1 is not among them. */
const ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const

/** @throws GateError ERR_SECRET when known_hosts cannot be read, ERR_SSH_HOST_KEY when it does not know the host. */
export async function readPinnedKeys(settings: PinnedHost, readSecret: ReadSecret): Promise<PinnedKeys> {
  const { hostKey, knownHosts } = settings
  if (knownHosts === undefined) return pinFingerprints([hostKey ?? []].flat())
  const keys = findKnownKeys(await readSecret(knownHosts), settings)
  if (keys.length === 0) {
    throw new GateError('ERR_SSH_HOST_KEY', { detail: 'known_hosts has no key for this host and port.' })
  }
  const kinds = new Set(keys.map(({ kind }) => kind))
  return {
    accepts: (key) => keys.map((known) => isSame(known.key, key)).includes(true),
    algorithms: ALGORITHMS.filter((name) => kinds.has(name.startsWith('rsa-') ? 'ssh-rsa' : name)),
  }
}

function pinFingerprints(fingerprints: readonly string[]): PinnedKeys {
  const digests = fingerprints.map((text) => Buffer.from(text.slice('SHA256:'.length), 'base64'))
  return {
    accepts: (key) => {
      const shown = createHash('sha256').update(key).digest()
      return digests.map((digest) => isSame(digest, shown)).includes(true)
    },
    algorithms: ALGORITHMS,
  }
}

interface KnownKey {
  readonly kind: string
  readonly key: Buffer
}

/**
 * The keys that a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) has for a host: by name, `[name]:port`, or
 * hashed. Patterns and certificate authorities are not followed, and a revoked key is none.
 */
function findKnownKeys(text: string, { host, port }: PinnedHost): readonly KnownKey[] {
  const names = port === 22 ? [host, `[${host}]:22`] : [`[${host}]:${port}`]
  const revoked: Buffer[] = []
  const found: KnownKey[] = []
  for (const line of text.split(/\r?\n/)) {
    const fields = line.trim().split(/\s+/)
    const marker = fields[0]?.startsWith('@') === true ? fields.shift() : undefined
    const [hosts = '', kind = '', base64 = ''] = fields
    if (hosts === '' || hosts.startsWith('#') || base64 === '') continue
    const key = Buffer.from(base64, 'base64')
    if (marker === '@revoked') revoked.push(key)
    else if (marker === undefined && hosts.split(',').some((entry) => names.some((name) => isHost(entry, name)))) {
      found.push({ kind, key })
    }
  }
  return found.filter(({ key }) => !revoked.some((bad) => bad.equals(key)))
}

function isHost(entry: string, name: string): boolean {
  if (!entry.startsWith('|1|')) return entry.toLowerCase() === name.toLowerCase()
  const [, , salt = '', hash = ''] = entry.split('|')
  const digest = createHmac('sha1', Buffer.from(salt, 'base64')).update(name.toLowerCase()).digest()
  return isSame(Buffer.from(hash, 'base64'), digest)
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}
