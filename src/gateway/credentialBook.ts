import { type CredentialDetector, createCredentialDetector } from '../masking/credentials.ts'
import type { ReadSecret } from '../settings/secretReference.ts'

/** Remembers every secret the server reads, so that none of them can leave it, also after a rotation. */
export interface CredentialBook {
  /** Reads like the reader it wraps. */
  readonly readSecret: ReadSecret
  /** A secret that was not read through here: a generated key. */
  add(value: string): void
  /** Looks for everything in the book as it is now. */
  readonly detector: CredentialDetector
}

/** The previous values of rotated secrets stay in the book up to this many; they may still work somewhere. */
const REMEMBERED = 200

export function openCredentialBook(read: ReadSecret): CredentialBook {
  let values: readonly string[] = []
  let current = createCredentialDetector(values)
  const add = (value: string) => {
    if (values.includes(value)) return
    values = [...values, value].slice(-REMEMBERED)
    current = createCredentialDetector(values)
  }
  return {
    async readSecret(reference) {
      const value = await read(reference)
      add(value)
      return value
    },
    add,
    detector: { find: (text) => current.find(text), edition: () => current.edition() },
  }
}
