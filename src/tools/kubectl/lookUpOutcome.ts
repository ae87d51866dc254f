import type { Json } from '../../call.ts'
import { GateError } from '../../errors.ts'
import { listAt, textAt } from './cluster/apiObject.ts'
import type { Cluster } from './cluster/openCluster.ts'

type Outcome = 'committed' | 'aborted' | 'unknown'

const PATIENCE_MS = 10_000

/**
 * What became of the changes of a call: by the unique id for a delete, by the version for the rest. A newer version may be
 * somebody else's work, and a command leaves no trace: both are unknown.
 */
export async function lookUpOutcome(cluster: Cluster, outcomeRef: Json): Promise<Outcome> {
  const changes = listAt(outcomeRef, 'changes')
  if (changes.length === 0) return 'unknown'
  const outcomes = new Set(await Promise.all(changes.map((change) => lookUpChange(cluster, change))))
  const [only = 'unknown', other] = outcomes
  return other === undefined ? only : 'unknown'
}

async function lookUpChange(cluster: Cluster, change: Json): Promise<Outcome> {
  const path = listAt(change, 'path').map(String)
  const [uid, version, verb] = [textAt(change, 'uid'), textAt(change, 'version'), textAt(change, 'verb')]
  if (path.length === 0 || uid === undefined || version === undefined) return 'unknown'
  const live = await readOrNothing(cluster, path)
  if (verb === 'delete') {
    if (live === undefined || textAt(live, 'metadata', 'uid') !== uid) return 'committed'
    return textAt(live, 'metadata', 'deletionTimestamp') === undefined ? 'aborted' : 'committed'
  }
  if (uid === '') return live === undefined ? 'aborted' : 'unknown'
  return live !== undefined && textAt(live, 'metadata', 'resourceVersion') === version ? 'aborted' : 'unknown'
}

async function readOrNothing(cluster: Cluster, path: readonly string[]): Promise<Json | undefined> {
  try {
    return await cluster.ask({ method: 'GET', path, about: 'secrets' }, AbortSignal.timeout(PATIENCE_MS))
  } catch (error) {
    if (error instanceof GateError && error.facts.status === 404) return undefined
    throw error
  }
}
