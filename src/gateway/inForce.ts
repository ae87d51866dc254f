import { settingsVersion } from '../approvals/digest.ts'
import type { LiveConfig } from '../config/liveConfig.ts'
import type { GateConnection, InForce } from '../pipeline/gates.ts'

/** What calls are judged by now: policies and connections of one and the same load. */
export function inForceOf(live: LiveConfig): () => InForce {
  let from: ReturnType<LiveConfig['current']> | undefined
  let known: InForce | undefined
  return () => {
    const gate = live.current()
    if (known === undefined || gate !== from) {
      from = gate
      const connections = Object.entries(gate.config.connections).map(([name, settings]): [string, GateConnection] => {
        const { type, labels } = settings
        return [name, { name, type, labels, version: settingsVersion(settings) }]
      })
      known = { policies: gate.policies, connections: new Map(connections) }
    }
    return known
  }
}

/** The directory groups that policies and reviewer sets mention: nobody is asked about any other. */
export function groupIdsOf(live: LiveConfig): () => readonly string[] {
  return () => {
    const { config, policies } = live.current()
    const inPolicies = policies.policies.flatMap(({ subjects }) => subjects.groups.map(({ id }) => id))
    const inSets = Object.values(config.approvals.reviewers).flatMap(({ groups }) =>
      groups.map((group) => config.groups[group] ?? group),
    )
    return [...new Set([...inPolicies, ...inSets])]
  }
}

/** The configured name of a directory group, for people who read the trail. */
export function namerOf(live: LiveConfig): (id: string) => string {
  return (id) => Object.entries(live.current().config.groups).find(([, group]) => group === id)?.[0] ?? id
}
