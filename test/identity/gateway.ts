import type { Caller } from '../../src/call.ts'
import { type DemoIssuer, startIssuer } from '../../src/demo/issuer.ts'
import { DEMO_IDS } from '../../src/demo/writeConfig.ts'
import { type ErrorCode, GateError } from '../../src/errors.ts'
import { authenticate } from '../../src/identity/authenticate.ts'
import { createTokenVerifier, type TokenVerifier } from '../../src/identity/createTokenVerifier.ts'
import { type IdentitySettings, identitySettings } from '../../src/identity/settings.ts'

/** A clock that tests move. */
export interface Clock {
  readonly now: () => number
  advance(ms: number): void
}

export function startClock(): Clock {
  let offset = 0
  return {
    now: () => Date.now() + offset,
    advance(ms) {
      offset += ms
    },
  }
}

/** Settings for an Entra-shaped provider whose authority is the local issuer. */
export function entraAt(authority: string, more: Readonly<Record<string, unknown>> = {}): IdentitySettings {
  return identitySettings.parse([
    { type: 'entra', tenantId: DEMO_IDS.tenant, clientId: DEMO_IDS.gateway, authority, ...more },
  ])
}

export interface Gateway {
  readonly issuer: DemoIssuer
  readonly verifier: TokenVerifier
  readonly clock: Clock
  authenticate(token: string | undefined): Promise<Caller>
  close(): Promise<void>
}

/** A verifier in front of a real issuer on loopback. */
export async function startGateway(more: Readonly<Record<string, unknown>> = {}): Promise<Gateway> {
  const issuer = await startIssuer()
  const clock = startClock()
  const verifier = createTokenVerifier(entraAt(issuer.authority, more), {
    readSecret: () => Promise.reject(new Error('no secret is needed here')),
    policyGroupIds: () => [],
    now: clock.now,
  })
  return {
    issuer,
    verifier,
    clock,
    authenticate: (token) => authenticate(token, verifier.verify),
    async close() {
      verifier.close()
      await issuer.close()
    },
  }
}

/** The refusal that the attempt ends with. Fails the test when it is let through or breaks in another way. */
export async function refusalOf(attempt: Promise<unknown>): Promise<GateError> {
  const outcome = await attempt.then(
    () => 'was let through',
    (error: unknown) => error,
  )
  if (outcome instanceof GateError) return outcome
  throw new Error('expected a GateError', { cause: outcome })
}

export async function codeOf(attempt: Promise<unknown>): Promise<ErrorCode | 'accepted'> {
  return await attempt.then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof GateError) return error.code
      throw error
    },
  )
}
