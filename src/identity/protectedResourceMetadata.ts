import { issuerOf } from './checkIdentitySettings.ts'
import type { IdentitySettings, ProviderSettings } from './settings.ts'

/** RFC 9728 section 2, the members that this server has. */
export interface ProtectedResourceMetadata {
  readonly resource: string
  readonly authorization_servers: readonly string[]
  readonly scopes_supported: readonly string[]
  readonly bearer_methods_supported: readonly ['header']
  readonly resource_name: string
}

/**
 * What clients need to log in. `publicUrl` is published exactly as configured: clients send it as `resource`, and Entra
 * compares it with the Application ID URI character by character (a slash too many is AADSTS9010010).
 */
export function protectedResourceMetadata(settings: IdentitySettings, publicUrl: string): ProtectedResourceMetadata {
  return {
    resource: publicUrl,
    authorization_servers: settings.map(issuerOf),
    scopes_supported: [...new Set(settings.flatMap((provider) => qualifiedScope(provider, publicUrl) ?? []))],
    bearer_methods_supported: ['header'],
    resource_name: 'Countersign',
  }
}

/** The scope to put into challenges; undefined when providers differ, because a client asks one of them for all of it. */
export function challengeScope(settings: IdentitySettings, publicUrl: string): string | undefined {
  const scopes = new Set(settings.map((provider) => qualifiedScope(provider, publicUrl)))
  return scopes.size === 1 ? [...scopes][0] : undefined
}

/** Entra takes a bare scope name for a Microsoft Graph scope (AADSTS650053), so it is always qualified. */
function qualifiedScope(provider: ProviderSettings, publicUrl: string): string | undefined {
  return provider.type === 'entra' ? `${publicUrl}/${provider.requiredScope}` : provider.requiredScope
}
