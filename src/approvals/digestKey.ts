import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { GateError } from '../errors.ts'

const KEY_BYTES = 32

/** Makes a key of a configured secret. ERR_CONFIG when it is too short to stand up to guessing. */
export function digestKeyFromSecret(secret: string): Uint8Array {
  const bytes = Buffer.from(secret.trim(), 'utf8')
  if (bytes.length >= KEY_BYTES) return bytes
  throw new GateError('ERR_CONFIG', { detail: `approvals.digestKey must be at least ${KEY_BYTES} bytes long.` })
}

/**
 * Reads the key kept beside the SQLite store, and makes one (mode 0600) when there is none. Safe when several
 * processes start at once: all end up with the same key. Refuses a key that other users can read. Losing the file voids
 * every open approval, and nothing else.
 */
export function loadOrCreateDigestKey(path: string): Uint8Array {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    return readKey(path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
  createKey(path)
  return readKey(path)
}

function readKey(path: string): Uint8Array {
  const text = readFileSync(path, 'latin1').trim()
  // Windows has no mode bits.
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw new GateError('ERR_CONFIG', {
      detail: 'The digest key file can be read by other users: set its mode to 0600.',
    })
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new GateError('ERR_CONFIG', { detail: 'The digest key file does not hold 64 hexadecimal digits.' })
  }
  return Buffer.from(text, 'hex')
}

/** Complete or absent, never half: written elsewhere, made durable, then linked into place unless another won. */
function createKey(path: string): void {
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, `${randomBytes(KEY_BYTES).toString('hex')}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    linkSync(draft, path)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  } finally {
    unlinkSync(draft)
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
