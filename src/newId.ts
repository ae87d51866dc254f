import { randomFillSync } from 'node:crypto'

// Crockford's alphabet: no I, L, O, U, so that an id survives being read aloud.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** An identifier such as `call_01JD...`: 10 characters of time, so that ids sort, and 80 random bits. */
export function newId(prefix: 'call' | 'apr' | 'ses', now: number = Date.now()): string {
  let time = ''
  for (let rest = now, place = 0; place < 10; place += 1, rest = Math.floor(rest / 32)) {
    time = ALPHABET.charAt(rest % 32) + time
  }
  let random = ''
  for (const byte of freshBytes()) random += ALPHABET.charAt(byte & 31)
  return `${prefix}_${time}${random}`
}

const BYTES_OF_ONE = 16

/** Random bytes for ids to come: asking the system for them costs as much for 256 ids as for one. */
const pool = new Uint8Array(256 * BYTES_OF_ONE)
let used = pool.length

/** Bytes that no id has had: each is given away once. */
function freshBytes(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += BYTES_OF_ONE
  return pool.subarray(used - BYTES_OF_ONE, used)
}
