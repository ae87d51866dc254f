import { randomBytes } from 'node:crypto'

// Crockford's alphabet: no I, L, O, U, so that an id survives being read aloud.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** An identifier such as `call_01JD...`: 10 characters of time, so that ids sort, and 80 random bits. */
export function newId(prefix: 'call' | 'apr' | 'ses', now: number = Date.now()): string {
  let time = ''
  for (let rest = now, place = 0; place < 10; place += 1, rest = Math.floor(rest / 32)) {
    time = ALPHABET.charAt(rest % 32) + time
  }
  const random = Array.from(randomBytes(16), (byte) => ALPHABET.charAt(byte & 31)).join('')
  return `${prefix}_${time}${random}`
}
