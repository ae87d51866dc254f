import type { ToolOutput } from '../../tool.ts'
import { renderYaml } from '../hide/renderYaml.ts'
import { DONE_COLUMNS, outputOf, textTable } from '../outputOf.ts'
import type { Plan, Planning } from '../plan.ts'
import { textFlag } from '../scope.ts'
import type { Change } from './change.ts'
import { judgeChanges } from './judgeChanges.ts'
import { stateOf } from './objectState.ts'
import { previewChanges } from './previewChanges.ts'
import { type Done, runChanges, wordName } from './runChanges.ts'

/** A plan that makes changes. */
export async function planChanges(changes: readonly Change[], planning: Planning): Promise<Plan> {
  const judged = await judgeChanges(changes, planning)
  return {
    effect: 'write',
    operations: judged.flatMap(({ operations }) => operations),
    judged: judged.map(({ change, live, problem }) => ({
      verb: change.verb,
      object: [
        change.resource.group,
        change.resource.version,
        change.resource.name,
        change.namespace ?? null,
        change.name,
      ],
      subresource: change.subresource ?? null,
      intent: change.intent,
      live: stateOf(live),
      possible: problem === undefined,
    })),
    preview: () => previewChanges(judged, planning.hider),
    execute: async (run) => showDone(await runChanges(judged, planning, run), planning),
  }
}

function showDone(done: readonly Done[], planning: Planning): ToolOutput {
  const { args, hider } = planning
  const output = textFlag(args, 'output')
  const found = { rowsChanged: done.length }
  if (output === 'json' || output === 'yaml') {
    const shown = done.map(({ object, judged }) => hider.hide(object, judged.change.resource))
    const value = shown.length === 1 ? (shown[0] ?? null) : { apiVersion: 'v1', kind: 'List', items: shown }
    const document = { name: 'output', value, hidden: [], ...(output === 'yaml' && { render: renderYaml }) }
    return outputOf(planning, args.verb, { ...found, document })
  }
  const rows = done.map(({ judged, outcome }) => [judged.change.namespace ?? '', wordName(judged), outcome])
  return outputOf(planning, args.verb, { ...found, table: textTable(DONE_COLUMNS, rows) })
}
