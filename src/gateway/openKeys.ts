import { dirname, join } from 'node:path'
import { digestKeyFromSecret, loadOrCreateDigestKey } from '../approvals/digestKey.ts'
import { loadSigningKey, type SigningKey } from '../audit/signingKey.ts'
import type { Config } from '../config/loadConfig.ts'
import type { CredentialBook } from './credentialBook.ts'

/** The keys of this deployment, as configured or generated beside what they protect. */
export interface Keys {
  readonly digestKey: Uint8Array
  readonly signingKey: SigningKey
}

/** Opens both, and teaches masking what they look like: a generated key was not read as a secret. */
export async function openKeys({ approvals, audit }: Config, book: CredentialBook): Promise<Keys> {
  const digestKey = await openDigestKey(approvals, book)
  const signingKey = await loadSigningKey(audit.dir, audit.signingKey, book.readSecret)
  const bytes = Buffer.from(digestKey)
  book.add(bytes.toString('hex'))
  book.add(bytes.toString('base64'))
  book.add(signingKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  return { digestKey, signingKey }
}

async function openDigestKey({ digestKey, store }: Config['approvals'], book: CredentialBook): Promise<Uint8Array> {
  if (digestKey !== undefined) return digestKeyFromSecret(await book.readSecret(digestKey))
  return loadOrCreateDigestKey(join(dirname(store.sqlite), 'digest.key'))
}
