import { open, stat } from 'node:fs/promises'
import { GateError } from '../errors.ts'
import type { ReadSecret, SecretReference } from '../settings/secretReference.ts'

/** No password, key or token is larger; a mistaken path could be. */
const MAX_BYTES = 64 * 1024

/**
 * Reads secrets from environment variables and files. A file's one trailing newline is not part of the secret. Empty
 * is an error: it is always a mistake, and some targets take an empty password for none. Errors name the reference only.
 */
export function createReadSecret(env: Readonly<Record<string, string | undefined>>): ReadSecret {
  return async (reference) => {
    if ('env' in reference) {
      const value = env[reference.env]
      if (value === undefined) throw unreadable(reference, 'is not set')
      if (value === '') throw unreadable(reference, 'is empty')
      return value
    }
    return await readSecretFile(reference)
  }
}

/** What is unwise about where a secret is kept, for `countersign check`; undefined when nothing is. */
export async function inspectSecret(reference: SecretReference): Promise<string | undefined> {
  if ('env' in reference || process.platform === 'win32') return undefined
  try {
    const { mode } = await stat(reference.file)
    return (mode & 0o007) === 0 ? undefined : 'every user of this machine can read or change this file; chmod o-rwx'
  } catch {
    // Reading it says so with the right error.
    return undefined
  }
}

async function readSecretFile(reference: { readonly file: string }): Promise<string> {
  let bytes: Buffer
  try {
    // A pipe or a device would keep the start waiting, or never end.
    if (!(await stat(reference.file)).isFile()) throw unreadable(reference, 'is not a regular file')
    const file = await open(reference.file)
    try {
      const buffer = Buffer.alloc(MAX_BYTES + 1)
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
      bytes = buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof GateError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw unreadable(reference, code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`)
  }
  if (bytes.length > MAX_BYTES) throw unreadable(reference, 'is larger than 64 KiB')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw unreadable(reference, 'is not text')
  }
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw unreadable(reference, 'is empty')
  return secret
}

function unreadable(reference: SecretReference, why: string): GateError {
  const name = 'env' in reference ? `environment variable ${reference.env}` : `file ${reference.file}`
  return new GateError('ERR_SECRET', { detail: `The ${name} ${why}.` })
}
