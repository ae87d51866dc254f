import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { isLabelKey, isLabelValue } from '../args/names.ts'
import { quote, refuse } from '../args/refuse.ts'
import { objectAt } from '../cluster/apiObject.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import { createHider } from '../hide/hider.ts'
import type { Plan, Planning } from '../plan.ts'
import { resolveTargets } from '../scope.ts'
import type { Change } from './change.ts'
import { emptyPlan, expandTargets, impossiblePlan, isAboutCluster } from './expandTargets.ts'
import { pinned } from './pin.ts'
import { planChanges } from './planChanges.ts'

/** label and annotate: `key=value` sets, `key-` removes; a value that is there is replaced with --overwrite only. */
export async function planLabel(planning: Planning): Promise<Plan> {
  const { args } = planning
  const isLabel = args.verb === 'label'
  const hider = createHider(planning.settings)
  const field = isLabel ? 'labels' : 'annotations'
  const first = args.positionals.findIndex(isAssignment)
  if (first < 0) refuse(`${args.verb} needs key=value to set, or key- to remove.`)
  const values = readAssignments(args.positionals.slice(first), isLabel)
  const targets = await resolveTargets(planning, args.positionals.slice(0, first))
  const overwrite = args.flags.has('overwrite')
  try {
    const expanded = await expandTargets(targets, planning)
    const changes = expanded.flatMap(({ resource, namespace, names, selector }) =>
      names.map(
        (name): Change => ({
          ...{ verb: args.verb, resource, namespace, name, selector },
          wants: 'existing',
          intent: { field, values, overwrite },
          wanted: undefined,
          request(live) {
            const present = objectAt(live, 'metadata', field)
            // What is hidden is never compared: that would tell whether a guess is right.
            const seen = live === undefined ? {} : objectAt(hider.hide(live, resource), 'metadata', field)
            const taken = Object.keys(values).find(
              (key) => values[key] !== null && present[key] !== undefined && seen[key] !== values[key],
            )
            if (taken !== undefined && !overwrite) {
              const detail = `${quote(name)} already has ${quote(taken)} with another value; say --overwrite to replace it.`
              throw new GateError('ERR_KUBECTL_FAILED', { detail })
            }
            return {
              method: 'PATCH',
              path: resourcePath(resource, namespace, name),
              query: { fieldManager: 'countersign' },
              body: pinned({ metadata: { [field]: values } }, live),
              contentType: 'application/merge-patch+json',
              about: resource.name,
            }
          },
        }),
      ),
    )
    if (changes.length === 0) return emptyPlan(args.verb, targets, planning)
    return await planChanges(changes, planning)
  } catch (error) {
    if (!isAboutCluster(error)) throw error
    return impossiblePlan(args.verb, targets, error)
  }
}

/** No name of an object holds an equals sign or ends with a dash. */
function isAssignment(word: string): boolean {
  return word.includes('=') || word.endsWith('-')
}

function readAssignments(words: readonly string[], isLabel: boolean): Readonly<Record<string, Json>> {
  const values = new Map<string, string | null>()
  for (const word of words) {
    const equals = word.indexOf('=')
    if (!isAssignment(word)) refuse(`Write what is named before what is set: ${quote(word)}.`)
    const key = equals < 0 ? word.slice(0, -1) : word.slice(0, equals)
    const value = equals < 0 ? null : word.slice(equals + 1)
    if (!isLabelKey(key)) refuse(`${quote(key)} is no key.`)
    if (isLabel && value !== null && !isLabelValue(value)) refuse(`${quote(value)} is no value of a label.`)
    if (values.has(key)) refuse(`${quote(key)} appears twice.`)
    values.set(key, value)
  }
  return Object.fromEntries(values)
}
