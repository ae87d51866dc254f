import type { Trail } from '../audit/trail.ts'
import type { Gate } from '../config/liveConfig.ts'
import { VERSION } from '../version.ts'

interface Start {
  readonly replica: string
  readonly gate: Gate
  /** Settings that weaken the gate, by name. */
  readonly announcements: readonly string[]
}

/** From here on the trail says who serves, and by which policies. */
export async function recordStart(trail: Trail, { replica, gate, announcements }: Start): Promise<void> {
  const { host, port } = gate.config.server.listen
  const listen = `${host}:${port}`
  const { version: policy_version } = gate.policies
  const who = { replica, version: VERSION, node: process.version }
  await trail.append({ event: 'gateway.started', ...who, listen, policy_version, announcements })
  await recordPolicies(trail, gate)
}

/** The policies that calls are judged by from now on. */
export async function recordPolicies(trail: Trail, { policies, config }: Gate): Promise<void> {
  const rules = policies.policies.reduce((sum, policy) => sum + policy.rules.length, 0)
  await trail.append({ event: 'policy.loaded', policy_version: policies.version, files: config.policyFiles, rules })
}
