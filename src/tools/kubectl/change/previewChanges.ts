import type { Json } from '../../../call.ts'
import type { Preview, PreviewText } from '../../tool.ts'
import { type ApiObject, isObject, objectAt } from '../cluster/apiObject.ts'
import type { Hider } from '../hide/hider.ts'
import { renderYaml } from '../hide/renderYaml.ts'
import type { JudgedChange } from './change.ts'
import { uidOf } from './objectState.ts'
import { wordName } from './runChanges.ts'

/** Two texts with hardly a line in common would be compared for very long; the time grows with the square. */
const MAX_EDITS = 2_000

/**
 * What reviewers see: a line for each object, and the difference that the server's dry run would make, of objects whose
 * secrets are hidden already. Throws what makes the call impossible: nobody should be asked about it.
 */
export async function previewChanges(judged: readonly JudgedChange[], hider: Hider): Promise<Preview> {
  for (const { problem } of judged) if (problem !== undefined) throw problem
  const texts = await Promise.all(
    judged.map((each) => diffOf(each, hider, Math.ceil(MAX_EDITS / Math.sqrt(judged.length)))),
  )
  const deferred = judged.filter(({ isDeferred }) => isDeferred)
  return {
    rows: judged.length,
    lines: judged.map(describe),
    sample: undefined,
    texts: texts.filter((text) => text !== undefined),
    missing: deferred.map(
      (each) => `${wordName(each)} has no dry run before its namespace is there; its manifest is shown`,
    ),
  }
}

function describe(judged: JudgedChange): string {
  const { change, live, result } = judged
  const where = change.namespace === undefined ? '' : ` in ${change.namespace}`
  const object = `${wordName(judged)}${where}`
  if (change.verb === 'delete') return `${object} would be deleted (uid ${uidOf(live)})`
  if (change.verb === 'scale')
    return `${object}: ${replicasOf(live)} -> ${String(objectAt(change.intent).replicas)} replicas`
  if (live === undefined) return `${object} would be created`
  if (change.resource.name === 'secrets') return `${object} would be changed; values of Secrets are not compared`
  const same = JSON.stringify(plain(live)) === JSON.stringify(plain(result))
  return same ? `${object} would not change` : `${object} would be changed`
}

function replicasOf(live: ApiObject | undefined): string {
  return String(objectAt(live, 'spec').replicas ?? 'unknown')
}

async function diffOf(judged: JudgedChange, hider: Hider, maxEditLength: number): Promise<PreviewText | undefined> {
  const { change, live, result } = judged
  const after = result ?? change.wanted
  if (after === undefined) return undefined
  const { createTwoFilesPatch } = await import('diff')
  const textOf = (object: ApiObject | undefined) =>
    object === undefined ? '' : renderYaml(hider.hide(plain(object) ?? null, change.resource))
  const [before, then] = [textOf(live), textOf(after)]
  if (before === then) return undefined
  const title = wordName(judged)
  if (live === undefined) return { title, text: then, language: 'yaml' }
  const patch = createTwoFilesPatch('is', 'would be', before, then, undefined, undefined, { maxEditLength })
  return patch === undefined ? { title, text: then, language: 'yaml' } : { title, text: patch, language: 'diff' }
}

/** Without what the server counts and notes by itself. */
function plain(object: ApiObject | undefined): Json | undefined {
  if (object === undefined) return undefined
  const { status: _, metadata, ...rest } = object
  const own = isObject(metadata) ? metadata : {}
  const {
    managedFields: __,
    resourceVersion: ___,
    generation: ____,
    uid: _____,
    creationTimestamp: ______,
    selfLink: _______,
    ...kept
  } = own
  return { ...rest, metadata: kept }
}
