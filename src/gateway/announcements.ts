import type { Config } from '../config/loadConfig.ts'

/** Settings that weaken the gate, in words: said at start, recorded in the trail, and fit for loopback only. */
export function announcementsOf({ server, connections, approvals }: Config): readonly string[] {
  const found: string[] = []
  if (server.insecureLoopback)
    found.push('server.insecureLoopback: identity providers may be plain http on this machine')
  for (const [name, connection] of Object.entries(connections)) {
    const predicates = connection.type === 'postgres' ? connection.predicates : undefined
    if (predicates === 'allow')
      found.push(`connections.${name}.predicates: allow lets callers search by protected values`)
    if (predicates === 'equality')
      found.push(`connections.${name}.predicates: equality lets callers test guesses of protected values`)
  }
  if (approvals.slack?.apiUrl !== undefined) {
    found.push('approvals.slack.apiUrl: another address than Slack decides who clicked')
  }
  if (approvals.reviewerApp === undefined && approvals.slack === undefined)
    found.push('approvals.reviewerApp is not set: nobody can approve anything')
  return found
}
