import { GateError } from '../errors.ts'
import type { Claims } from './peekToken.ts'

/** The value at a path of own keys; undefined when any step is missing. */
export function readClaim(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Claims)[key]
  }
  return value
}

/** A list of strings from a JSON list; undefined for anything else, so that a malformed claim is never an empty one. */
export function listOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined
}

/** OAuth scopes: one space-separated string (RFC 8693) or a list (Okta). */
export function scopesOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.split(' ').filter((scope) => scope !== '')
  return listOf(value) ?? []
}

/** A value that becomes part of a caller's key. Throws ERR_TOKEN_CLAIMS naming the claim, never the value. */
export function requireIdentifier(value: unknown, claim: string): string {
  if (typeof value !== 'string' || !/^[^\p{C}]{1,255}$/u.test(value)) {
    throw new GateError('ERR_TOKEN_CLAIMS', { detail: `Missing or not usable: ${claim}.` })
  }
  return value
}

/** For people only. Control, direction-changing and invisible characters are dropped, because the user may choose it. */
export function displayName(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const text = [...value.replace(/\p{C}/gu, '')].slice(0, 100).join('').trim()
  return text === '' ? undefined : text
}

/** Joins parts so that no value can imitate a border: `entra/<tenant>/<subject>/<app>`. */
export function joinKey(...parts: readonly (string | undefined)[]): string {
  return parts.map((part) => encodeURIComponent(part ?? '')).join('/')
}
