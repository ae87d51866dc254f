import type { ProviderSettings, ReviewerAppSettings } from './settings.ts'

/** The scope that a login of reviewers asks for. Entra takes a bare name for one of Microsoft Graph, so the app's own id stands before it. */
export function reviewerScopeOf({ type }: ProviderSettings, { clientId, requiredScope }: ReviewerAppSettings): string {
  return type === 'entra' ? `${clientId}/${requiredScope}` : requiredScope
}
