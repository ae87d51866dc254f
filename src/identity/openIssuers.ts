import { audiencesOf, issuerOf } from './checkIdentitySettings.ts'
import { createKeySource, type KeySource } from './keySource.ts'
import type { IdentitySettings, ProviderSettings } from './settings.ts'

/** A configured provider with its keys. */
export interface Issuer {
  readonly iss: string
  readonly provider: ProviderSettings
  readonly algorithms: readonly string[]
  /** The `aud` values that mean this gateway. */
  readonly audiences: readonly string[]
  readonly keys: KeySource
}

/** The static map that a token's `iss` is looked up in. Nothing in a token can add to it. */
export type Issuers = ReadonlyMap<string, Issuer>

/** Prepares every configured provider. Fetches nothing yet, so that an outage does not stop the start. */
export function openIssuers(settings: IdentitySettings, now: () => number): Issuers {
  return new Map(settings.map((provider) => [issuerOf(provider), openIssuer(provider, now)]))
}

function openIssuer(provider: ProviderSettings, now: () => number): Issuer {
  const iss = issuerOf(provider)
  return {
    iss,
    provider,
    algorithms: provider.type === 'entra' ? ['RS256'] : provider.algorithms,
    audiences: audiencesOf(provider),
    keys: createKeySource({
      issuer: iss,
      discoveryUrl: `${iss.replace(/\/$/, '')}/.well-known/openid-configuration`,
      // Entra says for each key which issuer may use it, sometimes as a template for all tenants.
      accepts: ({ issuer }) =>
        provider.type !== 'entra' ||
        issuer === undefined ||
        (typeof issuer === 'string' && issuer.replace(/\{tenantid\}/i, provider.tenantId) === iss),
      now,
    }),
  }
}
