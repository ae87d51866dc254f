import { GateError } from '../../../errors.ts'
import { refuse } from '../args/refuse.ts'
import { operationOf } from '../judge/operations.ts'
import { DONE_COLUMNS, outputOf, textTable } from '../outputOf.ts'
import type { Plan, Planning } from '../plan.ts'
import { nameOf, readObjects } from '../read/readObjects.ts'
import type { Target } from '../scope.ts'

/** A target of a change with the names of the objects that it means now. */
export interface ExpandedTarget extends Target {
  readonly isSelected: boolean
}

/**
 * Turns selectors and `--all` into names, once, when the call is judged: exactly these objects are shown, approved and
 * changed. An object that appears later is another call.
 *
 * @throws GateError ERR_KUBECTL_TOO_MANY
 */
export async function expandTargets(
  targets: readonly Target[],
  planning: Planning,
): Promise<readonly ExpandedTarget[]> {
  const { args, cluster, settings, signal } = planning
  const expanded: ExpandedTarget[] = []
  for (const target of targets) {
    const all = args.flags.has('all')
    if (target.names.length > 0) {
      if (all) refuse('Name objects, or --all, not both.')
      expanded.push({ ...target, isSelected: false })
      continue
    }
    if (!all && target.selector === undefined) refuse('Name objects, select them with -l, or say --all.')
    if (all && target.selector !== undefined) refuse('Say --all, or select with -l, not both.')
    const { maxChanges } = settings.limits
    const { objects, hasMore } = await readObjects(cluster, target, maxChanges + 1, signal)
    if (hasMore || objects.length > maxChanges) {
      throw new GateError('ERR_KUBECTL_TOO_MANY', { detail: `It means more than ${maxChanges} objects.` })
    }
    expanded.push({ ...target, names: objects.map(nameOf).sort(), isSelected: true })
  }
  return expanded
}

/** A call that cannot be: policy still judges what was asked for, and only who may do it learns why. */
export function impossiblePlan(verb: string, targets: readonly Target[], problem: unknown): Plan {
  const stop = async (): Promise<never> => {
    throw problem
  }
  const operations = targets.map((target) => operationOf(verb, target, true))
  return { effect: 'write', operations, judged: null, preview: stop, execute: stop }
}

/** Refusals of the caller's own words are for everybody; what the cluster said is not. */
export function isAboutCluster(error: unknown): boolean {
  return error instanceof GateError && (error.code === 'ERR_KUBECTL_FAILED' || error.code === 'ERR_KUBECTL_TOO_MANY')
}

/** Nothing is there to be changed. Policy judges what was asked for all the same: an empty list is no way past it. */
export function emptyPlan(verb: string, targets: readonly Target[], planning: Planning): Plan {
  return {
    effect: 'write',
    operations: targets.map((target) => operationOf(verb, target, true)),
    judged: [],
    preview: async () => ({ rows: 0, lines: ['no object is there to be changed'], sample: undefined, missing: [] }),
    execute: async () => outputOf(planning, verb, { rowsChanged: 0, table: textTable(DONE_COLUMNS, []) }),
  }
}
