import * as z from 'zod'
import { secretReference } from '../settings/secretReference.ts'
import { duration } from '../settings/units.ts'

/** Longest `exp - iat` that real issuers give (Entra CAE-capable tokens: 20 to 28 h). Longer is a mistake or an attack. */
const LONGEST_TOKEN_LIFETIME = '28h'

const providerName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower-case letters, digits and dashes, at most 32 characters')

const guid = z.guid('a GUID such as 6f1c1b3e-0000-4000-8000-000000000001').toLowerCase()

/** RFC 6749 section 3.3 scope-token: safe inside a quoted header parameter. */
const scopeToken = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, 'one OAuth scope, without spaces or quotes')

const appRole = z.string().regex(/^[^\s\p{C}]{1,120}$/u, 'the value of an app role, without spaces')

/** An issuer, authority or API address: https, or plain http on a loopback address (see checkIdentitySettings). */
const serverUrl = z
  .string()
  .refine(
    isSecureOrLoopbackUrl,
    'an https URL without user, query or fragment (plain http is for loopback addresses only)',
  )

const authorityUrl = serverUrl
  .refine((text) => URL.canParse(text) && new URL(text).pathname === '/', 'scheme and host only, without a path')
  .transform((text) => new URL(text).origin)

/** A claim, as a path of object keys. A list, because claim names may contain dots and slashes. */
const claimPath = z.array(z.string().min(1)).min(1).max(8)

/** Looks group membership up in Microsoft Graph when the token does not carry it. */
const graphSettings = z.strictObject({
  clientId: guid,
  clientSecret: secretReference,
  apiUrl: serverUrl.transform((text) => text.replace(/\/+$/, '')).prefault('https://graph.microsoft.com/v1.0'),
})

const entraSettings = z.strictObject({
  type: z.literal('entra'),
  name: providerName.default('entra'),
  tenantId: guid,
  /** This gateway's own app registration. It must issue v2 tokens, whose `aud` is this id. */
  clientId: guid,
  authority: authorityUrl.prefault('https://login.microsoftonline.com'),
  requiredScope: scopeToken.default('mcp.access'),
  requiredRole: appRole.default('Agent.Access'),
  graph: graphSettings.optional(),
})

const oidcSettings = z.strictObject({
  type: z.literal('oidc'),
  name: providerName.default('oidc'),
  /** Exactly as the provider writes it into `iss`, trailing slash included. */
  issuer: serverUrl,
  audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).transform((value) => [value].flat()),
  /** Asymmetric only: a shared secret would let this gateway, or whoever reads it, mint tokens. */
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
    .min(1)
    .default(['RS256']),
  /** The JOSE `typ` to insist on. Without it `at+jwt`, `JWT` and none are accepted, because providers differ. */
  typ: z.enum(['at+jwt', 'JWT']).optional(),
  requiredScope: scopeToken.optional(),
  /** For callers without a user. */
  requiredRole: appRole.optional(),
  maxLifetime: duration.prefault(LONGEST_TOKEN_LIFETIME),
  claims: z
    .strictObject({
      subject: claimPath.optional(),
      client: claimPath.optional(),
      groups: claimPath.optional(),
      roles: claimPath.optional(),
      scopes: claimPath.optional(),
      name: claimPath.optional(),
      loginTime: claimPath.optional(),
    })
    .prefault({}),
})

/** The `identity:` part of countersign.yaml: who may issue tokens for this gateway. */
export const identitySettings = z.array(z.discriminatedUnion('type', [entraSettings, oidcSettings])).min(1)

/**
 * `approvals.reviewerApp`: the separate app registration whose tokens vote. Its tokens come from `provider` (needed when
 * there is more than one) and from the client `clientId` itself, unless `clients` names other programs that may
 * vote: a program that agents can drive, such as a command-line login, does not belong there.
 */
export const reviewerAppSettings = z.strictObject({
  provider: providerName.optional(),
  clientId: z.string().regex(/^[^\s\p{C}]{1,200}$/u, 'the client id of the reviewer app'),
  clients: z.array(z.string().min(1)).min(1).optional(),
  requiredScope: scopeToken.default('approvals.review'),
  maxLoginAge: duration.prefault('8h'),
})

export type IdentitySettings = z.infer<typeof identitySettings>
export type ProviderSettings = IdentitySettings[number]
export type EntraSettings = z.infer<typeof entraSettings>
export type OidcSettings = z.infer<typeof oidcSettings>
export type ReviewerAppSettings = z.infer<typeof reviewerAppSettings>

/** True for https, and for plain http on a loopback address; never with user info, query or fragment. */
export function isSecureOrLoopbackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return false
  return url.protocol === 'https:' || isPlainLoopbackUrl(text)
}

/** True for `http:` on 127.0.0.0/8, ::1 or localhost. */
export function isPlainLoopbackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'http:' && /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|localhost)$/.test(hostname)
}
