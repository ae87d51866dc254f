import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GateError } from '../errors.ts'
import type { ReadSecret, SecretReference } from '../settings/secretReference.ts'

/** File names of the pair that is generated beside the trail when the configuration names no key. */
export const OWN_KEY = 'signing-key.pem'
export const OWN_PUBLIC_KEY = 'signing-key.pub.pem'

export interface SigningKey {
  /** `ed25519:` + 16 hex digits of SHA-256 over the public key (SPKI, DER). Written into every checkpoint. */
  readonly id: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/**
 * The key that signs checkpoints. Without a reference, a pair is generated in the trail's folder once (private half
 * 0600): enough against edits by others, worth nothing against somebody who can read the folder.
 */
export async function loadSigningKey(
  dir: string,
  reference: SecretReference | undefined,
  readSecret: ReadSecret,
): Promise<SigningKey> {
  if (reference !== undefined) return signingKeyOf(await readSecret(reference))
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const path = join(dir, OWN_KEY)
  const existing = await readIfPresent(path)
  if (existing !== undefined) return signingKeyOf(existing)

  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  await writeNew(join(dir, OWN_PUBLIC_KEY), publicKey.export({ type: 'spki', format: 'pem' }).toString(), 0o644)
  await writeNew(path, pem, 0o600)
  return signingKeyOf(pem)
}

/** Reads an Ed25519 private key in PEM. The error never quotes it. */
export function signingKeyOf(pem: string): SigningKey {
  const privateKey = readKey(() => createPrivateKey(pem))
  const publicKey = createPublicKey(privateKey)
  return { id: keyIdOf(publicKey), privateKey, publicKey }
}

/** Every Ed25519 public key in a PEM text, by id: one per block, so that trails outlive a change of key. */
export function publicKeysOf(pem: string): ReadonlyMap<string, KeyObject> {
  const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? []
  if (blocks.length === 0) throw new GateError('ERR_CONFIG', { detail: 'No PEM public key (BEGIN PUBLIC KEY) found.' })
  return new Map(blocks.map((block) => readKey(() => createPublicKey(block))).map((key) => [keyIdOf(key), key]))
}

function keyIdOf(publicKey: KeyObject): string {
  return `ed25519:${hash('sha256', publicKey.export({ type: 'spki', format: 'der' })).slice(0, 16)}`
}

function readKey(read: () => KeyObject): KeyObject {
  try {
    const key = read()
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // Said below, without the parser's words about key material.
  }
  throw new GateError('ERR_CONFIG', { detail: 'The audit signing key must be an Ed25519 key in PEM.' })
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The public half is replaced (a crash may have left one without its private half); the private half never is. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, mode === 0o600 ? 'wx' : 'w', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
