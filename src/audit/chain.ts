import { hash, type KeyObject, sign, verify } from 'node:crypto'

/** `prev` of the very first record of a chain. */
export const GENESIS = `sha256:${'0'.repeat(64)}`

/** Everything JSON leaves raw that could move a cursor, break a line, reorder text or hide on somebody's terminal. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const HASH_SUFFIX = /^,"hash":"(sha256:[0-9a-f]{64})"\}$/
const HASH_SUFFIX_LENGTH = ',"hash":"sha256:'.length + 64 + '"}'.length
const SIGNATURE_SUFFIX = /^,"signature":"([A-Za-z0-9+/]{86}==)"\}$/
const SIGNATURE_SUFFIX_LENGTH = ',"signature":"'.length + 88 + '"}'.length

export interface Sealed {
  /** One line of JSON, without the newline. */
  readonly line: string
  readonly hash: string
}

/** JSON on one line, with nothing raw in it that is invisible or steers a terminal. */
export function toLine(value: object): string {
  const json = JSON.stringify(value)
  // Most lines are plain, and looking for properties of characters is slow.
  return PLAIN.test(json) ? json : escapeUnsafe(json)
}

const PLAIN = /^[\x20-\x7e]*$/

/** Writes such characters as `\uXXXX`, as JSON does. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (char) =>
    [...Array(char.length).keys()].map((n) => `\\u${char.charCodeAt(n).toString(16).padStart(4, '0')}`).join(''),
  )
}

/**
 * Makes the line of an event that `toLine` has written: its place, its link to the line before, and its hash. The hash
 * is SHA-256 over the exact bytes of the line as it would read without `hash`, so it can be checked with sed and
 * sha256sum. With a key, the same bytes less `signature` are signed first (Ed25519).
 */
export function seal(event: string, seq: number, at: Date, prev: string, key?: KeyObject): Sealed {
  const unsigned = `{"v":1,"seq":${seq},"at":"${at.toISOString()}",${event.slice(1, -1)},"prev":"${prev}"}`
  const body =
    key === undefined
      ? unsigned
      : `${unsigned.slice(0, -1)},"signature":"${sign(null, Buffer.from(unsigned), key).toString('base64')}"}`
  const digest = `sha256:${hash('sha256', body)}`
  return { line: `${body.slice(0, -1)},"hash":"${digest}"}`, hash: digest }
}

export interface Unsealed {
  /** The hash the line claims. */
  readonly hash: string
  /** The hash its bytes have. */
  readonly actual: string
  /** The bytes that `actual` covers. */
  readonly body: Buffer
}

/** Reads the seal of a line. Undefined when it has none. */
export function unseal(line: Buffer): Unsealed | undefined {
  const at = line.length - HASH_SUFFIX_LENGTH
  const claimed = at < 1 ? undefined : HASH_SUFFIX.exec(line.toString('latin1', at))?.[1]
  if (claimed === undefined) return undefined
  const body = Buffer.concat([line.subarray(0, at), CLOSING_BRACE])
  return { hash: claimed, actual: `sha256:${hash('sha256', body)}`, body }
}

const CLOSING_BRACE = Buffer.from('}')

/** Whether the body of a signed record carries a signature that this key made over everything else in it. */
export function isSignedBy(body: Buffer, key: KeyObject): boolean {
  const at = body.length - SIGNATURE_SUFFIX_LENGTH
  const signature = at < 1 ? undefined : SIGNATURE_SUFFIX.exec(body.toString('latin1', at))?.[1]
  if (signature === undefined) return false
  return verify(null, Buffer.concat([body.subarray(0, at), CLOSING_BRACE]), key, Buffer.from(signature, 'base64'))
}
