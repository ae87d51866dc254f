import { settingsVersion } from '../approvals/digest.ts'
import type { Gate, LiveConfig } from '../config/liveConfig.ts'
import type { GateConnection, InForce } from '../pipeline/gates.ts'

/** What calls are judged by now: policies and connections of one and the same load. */
export function inForceOf(live: LiveConfig): () => InForce {
  return perLoad(live, ({ config, policies }) => {
    const connections = Object.entries(config.connections).map(([name, settings]): [string, GateConnection] => {
      const { type, labels } = settings
      return [name, { name, type, labels, version: settingsVersion(settings) }]
    })
    return { policies, connections: new Map(connections) }
  })
}

/** The directory groups that policies and reviewer sets mention: nobody is asked about any other. */
export function groupIdsOf(live: LiveConfig): () => readonly string[] {
  return perLoad(live, ({ config, policies }) => {
    const inPolicies = policies.policies.flatMap(({ subjects }) => subjects.groups.map(({ id }) => id))
    const inSets = Object.values(config.approvals.reviewers).flatMap(({ groups }) =>
      groups.map((group) => config.groups[group] ?? group),
    )
    return [...new Set([...inPolicies, ...inSets])]
  })
}

/** The configured name of a directory group, for people who read the trail. */
export function namerOf(live: LiveConfig): (id: string) => string {
  const names = perLoad(live, ({ config }) => {
    // Of several names for one group the first counts.
    const named = Object.entries(config.groups).map(([name, id]) => [id, name] as const)
    return new Map(named.reverse())
  })
  return (id) => names().get(id) ?? id
}

/** What follows from what is in force, worked out once for each load. */
function perLoad<T>(live: LiveConfig, derive: (gate: Gate) => T): () => T {
  let last: { readonly of: Gate; readonly derived: T } | undefined
  return () => {
    const gate = live.current()
    if (last?.of !== gate) last = { of: gate, derived: derive(gate) }
    return last.derived
  }
}
