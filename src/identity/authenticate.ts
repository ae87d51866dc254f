import type { Caller } from '../call.ts'
import { GateError } from '../errors.ts'
import { CLOCK_SKEW_MS } from './checkTimes.ts'

/** Turns a token into a caller, or throws a coded GateError. Never keeps the token. */
export type VerifyToken = (token: string) => Promise<Caller>

/**
 * The first step of every call: who is asking. The credential is dropped here; no later stage sees it.
 *
 * Throws a GateError of the identity section. Nothing thrown, cause included, carries any part of the credential: an
 * unexpected failure is reported by its stack frames alone, because its message may quote what it failed on.
 */
export async function authenticate(credential: string | undefined, verify: VerifyToken): Promise<Caller> {
  if (credential === undefined || credential === '') throw new GateError('ERR_TOKEN_MISSING')
  try {
    return await verify(credential)
  } catch (error) {
    if (error instanceof GateError) throw error
    throw new GateError('ERR_INTERNAL', { detail: 'The token could not be checked.', cause: withoutMessage(error) })
  }
}

/** A token stays good only until it expires, also while its call waits for people. Throws ERR_TOKEN_EXPIRED. */
export function checkStillValid(caller: Pick<Caller, 'expiresAt'>, now: Date): void {
  if (now.getTime() >= caller.expiresAt.getTime() + CLOCK_SKEW_MS) throw new GateError('ERR_TOKEN_EXPIRED')
}

function withoutMessage(error: unknown): Error {
  const frames = error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line)) : []
  const cause = new Error('unexpected failure while verifying a token')
  cause.stack = [cause.message, ...frames].join('\n')
  return cause
}
