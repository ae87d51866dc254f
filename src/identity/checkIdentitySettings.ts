import {
  type IdentitySettings,
  isPlainLoopbackUrl,
  type ProviderSettings,
  type ReviewerAppSettings,
} from './settings.ts'

/** One thing wrong with the settings; `path` leads to the key in countersign.yaml. */
interface SettingsIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/**
 * What the schemas cannot see because it takes more than one value: plain http only with `server.insecureLoopback`,
 * one name and one issuer per provider, and a reviewer app that is not the gateway itself.
 */
export function checkIdentitySettings({
  identity,
  reviewerApp,
  insecureLoopback,
}: {
  readonly identity: IdentitySettings
  readonly reviewerApp: ReviewerAppSettings | undefined
  readonly insecureLoopback: boolean
}): readonly SettingsIssue[] {
  return [
    ...(insecureLoopback ? [] : identity.flatMap(plainUrls)),
    ...repeated(identity, (provider) => provider.name, 'name', 'Give each provider a `name` of its own.'),
    ...repeated(identity, issuerOf, 'issuer', 'Another provider has the same issuer; one issuer is one provider.'),
    ...(reviewerApp === undefined ? [] : reviewerIssues(identity, reviewerApp)),
  ]
}

/** The exact `iss` that the provider's tokens carry. */
export function issuerOf(provider: ProviderSettings): string {
  return provider.type === 'entra' ? `${provider.authority}/${provider.tenantId}/v2.0` : provider.issuer
}

/** The `aud` values that mean this gateway. */
export function audiencesOf(provider: ProviderSettings): readonly string[] {
  return provider.type === 'entra' ? [provider.clientId] : provider.audience
}

/** The provider whose logins vote; undefined when the settings leave it open. */
export function reviewerProviderOf(
  identity: IdentitySettings,
  reviewerApp: ReviewerAppSettings,
): ProviderSettings | undefined {
  if (reviewerApp.provider === undefined) return identity.length === 1 ? identity[0] : undefined
  return identity.find(({ name }) => name === reviewerApp.provider)
}

/** The provider whose object ids Slack accounts are linked to: the one named, else the one whose logins vote. */
export function slackProviderOf(
  identity: IdentitySettings,
  slack: { readonly provider?: string | undefined },
  reviewerApp: ReviewerAppSettings | undefined,
): ProviderSettings | undefined {
  if (slack.provider !== undefined) return identity.find(({ name }) => name === slack.provider)
  if (reviewerApp !== undefined) return reviewerProviderOf(identity, reviewerApp)
  return identity.length === 1 ? identity[0] : undefined
}

function plainUrls(provider: ProviderSettings, index: number): SettingsIssue[] {
  const urls =
    provider.type === 'entra'
      ? { authority: provider.authority, 'graph.apiUrl': provider.graph?.apiUrl }
      : { issuer: provider.issuer }
  return Object.entries(urls)
    .filter(([, url]) => url !== undefined && isPlainLoopbackUrl(url))
    .map(([key]) => ({
      path: ['identity', index, ...key.split('.')],
      message: 'Plain http is accepted for loopback addresses only with `server: { insecureLoopback: true }`.',
    }))
}

function repeated(
  identity: IdentitySettings,
  read: (provider: ProviderSettings) => string,
  key: string,
  message: string,
): SettingsIssue[] {
  const values = identity.map(read)
  return values.flatMap((value, index) =>
    values.indexOf(value) === index ? [] : [{ path: ['identity', index, key], message }],
  )
}

function reviewerIssues(identity: IdentitySettings, reviewerApp: ReviewerAppSettings): SettingsIssue[] {
  const at = (key: string, message: string) => ({ path: ['approvals', 'reviewerApp', key], message })
  const provider = reviewerProviderOf(identity, reviewerApp)
  const gatewayIds = identity.flatMap(audiencesOf).map((id) => id.toLowerCase())
  const issues: SettingsIssue[] = []
  if (provider === undefined) {
    const names = identity.map(({ name }) => name).join(', ')
    issues.push(at('provider', `Name the identity provider whose logins vote: one of ${names}.`))
  }
  if (gatewayIds.includes(reviewerApp.clientId.toLowerCase())) {
    issues.push(
      at('clientId', 'The reviewer app must not be the gateway itself: an agent could then hold a token that votes.'),
    )
  }
  if (provider?.type === 'entra' && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(reviewerApp.clientId)) {
    issues.push(at('clientId', 'The client id of an Entra app is a GUID in lower case.'))
  }
  return issues
}
