import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import type { ApiObject } from '../cluster/apiObject.ts'
import { resourceName } from '../cluster/discovery.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import type { Planning, Run } from '../plan.ts'
import { withType } from '../read/readObjects.ts'
import type { JudgedChange } from './change.ts'
import { judgeDeferred, readLive } from './judgeChanges.ts'
import { stateOf, uidOf, versionOf } from './objectState.ts'

/** A change that was made. */
export interface Done {
  readonly judged: JudgedChange
  /** `created`, `configured`, `deleted`. */
  readonly outcome: string
  readonly object: ApiObject
}

/** The status of an object may change while it is written; its state must not. */
const ATTEMPTS = 5

/**
 * Makes the judged changes, one after the other, each held to the object that was judged. The first failure ends it:
 * nothing was done when it is the first change that fails, else the error says what was.
 */
export async function runChanges(
  judged: readonly JudgedChange[],
  planning: Planning,
  { call, beforeCommit, signal, report }: Run,
): Promise<readonly Done[]> {
  for (const { problem } of judged) if (problem !== undefined) throw problem
  const { maxRows } = call.constraints
  if (maxRows !== undefined && judged.length > maxRows) {
    throw new GateError('ERR_KUBECTL_TOO_MANY', {
      detail: `It means ${judged.length} objects; ${maxRows} were approved.`,
    })
  }
  if (judged.length === 0) return []
  await beforeCommit({ changes: judged.map(outcomeRefOf) })
  const done: Done[] = []
  for (const each of judged) {
    try {
      done.push(await runChange(each, { ...planning, signal }))
    } catch (error) {
      throw stoppedAt(error, each, done, judged.length)
    }
    report(`${done.length} of ${judged.length} objects`)
  }
  return done
}

async function runChange(judged: JudgedChange, planning: Planning): Promise<Done> {
  const { change } = judged
  const { cluster, signal } = planning
  if (judged.isDeferred) await judgeDeferred(judged, planning)
  let { live } = judged
  for (let attempt = 1; ; attempt++) {
    const request = change.request(live)
    try {
      const { status, answer } = await cluster.askWithStatus(request, signal)
      const outcome = outcomeOf(change.verb, status, live)
      return { judged, outcome, object: withType(answer, change.resource) }
    } catch (error) {
      if (!(error instanceof GateError) || error.code !== 'ERR_KUBECTL_FAILED') throw error
      if (request.method === 'DELETE' && error.facts.status === 404) throw goneError(change.name, error)
      // 422 is how servers answer a test of a JSON patch that fails.
      const mayBeStale = error.facts.status === 409 || error.facts.status === 422
      if (!mayBeStale || judged.live === undefined || attempt === ATTEMPTS) throw error
      const now = await readLive(change, cluster, signal)
      if (now === undefined || JSON.stringify(stateOf(now)) !== JSON.stringify(stateOf(judged.live))) {
        throw new GateError('ERR_KUBECTL_CHANGED', { detail: wordName(judged), cause: error })
      }
      // Nothing but its status moved: the same change, for the version that is there now.
      if (versionOf(now) === versionOf(live)) throw error
      live = now
    }
  }
}

function outcomeOf(verb: string, status: number, live: ApiObject | undefined): string {
  if (verb === 'delete') return 'deleted'
  if (status === 201) return 'created'
  if (live === undefined) return 'configured (it did not exist when it was judged)'
  return PAST[verb] ?? 'configured'
}

const PAST: Readonly<Record<string, string>> = {
  ...{ patch: 'patched', scale: 'scaled', label: 'labeled', annotate: 'annotated', rollout: 'updated' },
}

function stoppedAt(error: unknown, at: JudgedChange, done: readonly Done[], all: number): unknown {
  if (!(error instanceof GateError) || all === 1) return error
  const made = done.map(({ judged, outcome }) => `${wordName(judged)} ${outcome}`).join(', ')
  if (error.code === 'ERR_OUTCOME_UNKNOWN') {
    const detail = `Of ${wordName(at)} it is not known; before it: ${made === '' ? 'nothing' : made}.`
    return new GateError('ERR_OUTCOME_UNKNOWN', { detail, cause: error, facts: error.facts })
  }
  if (done.length === 0) return error
  const detail = `Done: ${made}. Stopped at ${wordName(at)}, of ${all} objects: ${error.message}`
  return new GateError('ERR_KUBECTL_PARTIAL', { detail, cause: error, facts: { ...error.facts, done: done.length } })
}

function goneError(name: string, cause: unknown): GateError {
  return new GateError('ERR_KUBECTL_CHANGED', { detail: `${JSON.stringify(name)} is gone already.`, cause })
}

/** `apps/deployments/web`. */
export function wordName({ change: { resource, name } }: Pick<JudgedChange, 'change'>): string {
  return `${resourceName(resource)}/${name}`
}

/** By which the outcome can be looked up after a crash. */
function outcomeRefOf({ change, live }: JudgedChange): Json {
  const { resource, namespace, name, verb } = change
  return { verb, path: [...resourcePath(resource, namespace, name)], uid: uidOf(live), version: versionOf(live) }
}
