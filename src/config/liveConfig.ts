import { isDeepStrictEqual } from 'node:util'
import { loadPolicies } from '../policy/loadPolicies.ts'
import type { PolicySet } from '../policy/policySet.ts'
import type { JudgedTool } from '../policy/settings.ts'
import { ConfigError, type Problem } from '../settings/configError.ts'
import { type Config, loadConfig, policyContextOf } from './loadConfig.ts'

/** A configuration and the policies that were checked against it. They change together or not at all. */
export interface Gate {
  readonly config: Config
  readonly policies: PolicySet
}

export type Reloaded =
  | { readonly ok: true; readonly before: Gate; readonly now: Gate }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** What is in force. A call takes `current()` once and uses that to its end. */
export interface LiveConfig {
  current(): Gate
  /** Reads policies, connections and new group aliases again. What does not load leaves the old one in force. */
  reload(): Promise<Reloaded>
}

/** Reads countersign.yaml and its policies. Throws a ConfigError with every problem. */
export async function loadGate(path: string, tools: readonly JudgedTool[]): Promise<Gate> {
  const config = await loadConfig(path)
  return { config, policies: await loadPolicies(config.policyFiles, policyContextOf(config, tools)) }
}

export function startLiveConfig(
  first: Gate,
  tools: readonly JudgedTool[],
  load: typeof loadGate = loadGate,
): LiveConfig {
  let gate = first
  let last: Promise<unknown> = Promise.resolve()

  const reloadOnce = async (): Promise<Reloaded> => {
    const before = gate
    try {
      const now = await load(before.config.file, tools)
      const problems = needsRestart(before.config, now.config)
      if (problems.length > 0) return { ok: false, problems }
      gate = now
      return { ok: true, before, now }
    } catch (error) {
      if (error instanceof ConfigError) return { ok: false, problems: error.problems }
      throw error
    }
  }
  return {
    current: () => gate,
    reload() {
      // One after the other, so that a slow old reading can never replace a newer one.
      const next = last.then(reloadOnce)
      last = next.catch(() => undefined)
      return next
    },
  }
}

/** Parts that other stages were built from at the start. Taking them over by half would be worse than not at all. */
function needsRestart(before: Config, now: Config): Problem[] {
  const parts = (['server', 'identity', 'approvals', 'audit'] as const).filter(
    (part) => !isDeepStrictEqual(before[part], now[part]),
  )
  // A new alias is new to everybody; one that now means another group is also in the reviewer sets of the running gate.
  const kept = Object.entries(before.groups).every(
    ([alias, id]) => Object.hasOwn(now.groups, alias) && now.groups[alias] === id,
  )
  return [...parts, ...(kept ? [] : ['groups'])].map((part) => ({
    file: now.file,
    line: 1,
    column: 1,
    message: `"${part}" has changed, which needs a restart; nothing was reloaded`,
  }))
}
