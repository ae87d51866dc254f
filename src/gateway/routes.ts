import type { Trail } from '../audit/trail.ts'
import type { ProtectedResourceMetadata } from '../identity/protectedResourceMetadata.ts'
import type { JsonRoute } from '../mcp/createHttpServer.ts'
import type { ConnectionCounts } from './watchConnections.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** RFC 9728 metadata, at the path for a resource with a path (section 3.1) and at the root, where some clients look. */
export function metadataRoute(metadata: ProtectedResourceMetadata, resourcePath: string): JsonRoute {
  return {
    matches: (path) => path === WELL_KNOWN || path === `${WELL_KNOWN}${resourcePath}`,
    handle: async ({ method }) =>
      method === 'GET'
        ? { status: 200, body: metadata, headers: { 'access-control-allow-origin': '*' } }
        : { status: 405, body: { error: 'method_not_allowed' }, headers: { allow: 'GET' } },
  }
}

interface HealthParts {
  readonly trail: Pick<Trail, 'isWritable'>
  readonly isLeaseLive: () => Promise<boolean>
  readonly identity: () => Promise<readonly { readonly provider: string; readonly ready: boolean }[]>
  readonly connections: () => ConnectionCounts
}

/**
 * `/healthz`: the process answers. `/readyz`: a call could run now; says which part is in the way, and no more. A target
 * that is down is counted and changes nothing: the others are still served.
 */
export function healthRoute({ trail, isLeaseLive, identity, connections }: HealthParts): JsonRoute {
  return {
    matches: (path) => path === '/healthz' || path === '/readyz',
    async handle({ path }) {
      if (path === '/healthz') return { status: 200, body: { status: 'ok' } }
      const checks = {
        trail: trail.isWritable(),
        store: await isLeaseLive().catch(() => false),
        identity: (await identity()).some(({ ready }) => ready),
      }
      const ready = Object.values(checks).every(Boolean)
      const body = { status: ready ? 'ready' : 'not-ready', checks, connections: connections() }
      return { status: ready ? 200 : 503, body }
    },
  }
}
