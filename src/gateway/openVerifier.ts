import type { Logger } from 'pino'
import type { LiveConfig } from '../config/liveConfig.ts'
import { createTokenVerifier, type TokenVerifier } from '../identity/createTokenVerifier.ts'
import type { ReadSecret } from '../settings/secretReference.ts'
import { groupIdsOf } from './inForce.ts'

interface VerifierParts {
  readonly live: LiveConfig
  readonly readSecret: ReadSecret
  readonly log: Logger
}

/** Whose tokens are good. An identity provider that cannot be asked yet is said, and holds up nothing. */
export function openVerifier({ live, readSecret, log }: VerifierParts): TokenVerifier {
  const { identity } = live.current().config
  const verifier = createTokenVerifier(identity, { readSecret, policyGroupIds: groupIdsOf(live) })
  void verifier.ready().then((states) => {
    for (const { provider, problem: why } of states) {
      if (why !== undefined) log.warn({ provider, why }, 'the keys of an identity provider cannot be fetched')
    }
  })
  return verifier
}
