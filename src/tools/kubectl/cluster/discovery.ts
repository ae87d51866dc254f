import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { quote } from '../args/refuse.ts'
import { listAt, objectAt, textAt, valueAt } from './apiObject.ts'
import type { ApiRequest } from './apiRequest.ts'

/** A type as the server names it. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  /** The plural: `deployments`. */
  readonly name: string
  readonly kind: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly namespaced: boolean
  readonly verbs: readonly string[]
  readonly subresources: readonly string[]
}

/** `apps/deployments`, `pods`: how policies and people name it. */
export function resourceName({ group, name }: Pick<Resource, 'group' | 'name'>): string {
  return group === '' ? name : `${group}/${name}`
}

/**
 * The names by which policy knows a type: its own, and that of the type whose very objects it shows under an older or newer
 * group. What opens must name both; what closes one holds for the other.
 */
export function resourceNames(resource: Pick<Resource, 'group' | 'name'>): readonly string[] {
  const own = resourceName(resource)
  const same = SAME_OBJECTS[own]
  return same === undefined ? [own] : [own, same]
}

const SAME_OBJECTS: Readonly<Record<string, string>> = {
  'events.k8s.io/events': 'events',
  'extensions/ingresses': 'networking.k8s.io/ingresses',
  'extensions/networkpolicies': 'networking.k8s.io/networkpolicies',
  'extensions/podsecuritypolicies': 'policy/podsecuritypolicies',
  ...Object.fromEntries(
    ['deployments', 'daemonsets', 'replicasets'].map((name) => [`extensions/${name}`, `apps/${name}`]),
  ),
}

export interface Discovery {
  /** A type as agents write it: plural, singular, short name or kind, with or without its group and version. */
  findType(written: string, signal: AbortSignal): Promise<Resource>
  /** The type of a manifest. */
  findKind(apiVersion: string, kind: string, signal: AbortSignal): Promise<Resource>
}

type Ask = (request: ApiRequest, signal: AbortSignal) => Promise<Json>

/** What the server has changes seldom; what is missing is looked for again, but not for every wrong guess. */
const FRESH_MS = 10 * 60_000
const RETRY_MS = 10_000
const LOAD_MS = 60_000
/** More groups than any cluster has; each costs a request. */
const MAX_GROUPS = 200

/**
 * The types of the server, cached. Nothing can take the name of a built-in type: those win, in this order, over groups
 * that somebody added, and a name that several added groups have is refused.
 */
export function createDiscovery(ask: Ask, clock: () => number = () => performance.now()): Discovery {
  let known: { readonly resources: readonly Resource[]; readonly at: number } | undefined
  let loading: Promise<readonly Resource[]> | undefined
  const load = async () => {
    // For everybody who waits: nobody's leaving may end it.
    loading ??= readAll(ask, AbortSignal.timeout(LOAD_MS)).finally(() => {
      loading = undefined
    })
    known = { resources: await loading, at: clock() }
    return known.resources
  }
  const find = async (choose: (all: readonly Resource[]) => Resource | undefined, signal: AbortSignal) => {
    if (known !== undefined && clock() - known.at < FRESH_MS) {
      const found = choose(known.resources)
      if (found !== undefined || clock() - known.at < RETRY_MS) return found
    }
    const resources = await load()
    signal.throwIfAborted()
    return choose(resources)
  }
  return {
    async findType(written, signal) {
      const found = await find((all) => chooseType(written, all), signal)
      if (found === undefined)
        throw new GateError('ERR_KUBECTL_TYPE', { detail: wordMissing(written, known?.resources) })
      return found
    },
    async findKind(apiVersion, kind, signal) {
      const [version = '', group = ''] = apiVersion.split('/').reverse()
      const found = await find(
        (all) => all.find((type) => type.group === group && type.version === version && type.kind === kind),
        signal,
      )
      if (found === undefined) {
        const detail = `No kind ${quote(kind)} of ${quote(apiVersion)}; a definition must be applied before its objects.`
        throw new GateError('ERR_KUBECTL_TYPE', { detail })
      }
      return found
    },
  }
}

/** Groups of Kubernetes itself, the first wins. */
const BUILT_IN: readonly string[] = [
  ...['', 'apps', 'batch', 'networking.k8s.io', 'rbac.authorization.k8s.io', 'policy', 'autoscaling'],
  ...['storage.k8s.io', 'apiextensions.k8s.io', 'apiregistration.k8s.io', 'admissionregistration.k8s.io'],
  ...['scheduling.k8s.io', 'coordination.k8s.io', 'node.k8s.io', 'discovery.k8s.io', 'certificates.k8s.io'],
  ...['events.k8s.io', 'flowcontrol.apiserver.k8s.io', 'authentication.k8s.io', 'authorization.k8s.io', 'extensions'],
  ...['resource.k8s.io', 'storagemigration.k8s.io', 'internal.apiserver.k8s.io', 'metrics.k8s.io'],
]

export function isBuiltIn({ group }: Pick<Resource, 'group'>): boolean {
  return BUILT_IN.includes(group)
}

function chooseType(written: string, all: readonly Resource[]): Resource | undefined {
  const [name = '', ...rest] = written.split('.')
  const wanted = name.toLowerCase()
  const called = all.filter(
    (type) =>
      type.name === wanted ||
      type.singular === wanted ||
      type.shortNames.includes(wanted) ||
      type.kind.toLowerCase() === wanted,
  )
  // `deployments.v1.apps` and `deployments.apps`: what follows the name is a version and a group, or a group.
  const fits = called.filter(({ group, version }) =>
    rest.length === 0
      ? true
      : [group, `${version}.${group}`].includes(rest.join('.')) || (group === '' && rest.join('.') === version),
  )
  const ranked = fits.filter(isBuiltIn).sort((a, b) => BUILT_IN.indexOf(a.group) - BUILT_IN.indexOf(b.group))
  const [first] = ranked.length > 0 ? ranked : fits
  if (first === undefined) return undefined
  const rivals = new Set((ranked.length > 0 ? [first] : fits).map(resourceName))
  if (rivals.size > 1) {
    throw new GateError('ERR_KUBECTL_TYPE', { detail: `${quote(written)} may mean ${[...rivals].join(' or ')}.` })
  }
  return first
}

function wordMissing(written: string, all: readonly Resource[] = []): string {
  const start = written.slice(0, 3).toLowerCase()
  const near = [
    ...new Set(
      all
        .filter(({ name }) => name.startsWith(start))
        .map(({ group, name }) => (group === '' ? name : `${name}.${group}`)),
    ),
  ]
  return `No type ${quote(written)}.${near.length === 0 ? '' : ` Close: ${near.slice(0, 6).join(', ')}.`}`
}

async function readAll(ask: Ask, signal: AbortSignal): Promise<readonly Resource[]> {
  const about = 'discovery'
  const groups = listAt(await ask({ method: 'GET', path: ['apis'], about }, signal), 'groups').slice(0, MAX_GROUPS)
  const versions = groups.flatMap((group) => {
    const preferred = textAt(group, 'preferredVersion', 'groupVersion')
    const others = listAt(group, 'versions').map((version) => textAt(version, 'groupVersion'))
    // The preferred version first: a type is found there unless only an older one has it.
    return [...new Set([preferred, ...others])].filter((version) => version !== undefined)
  })
  const lists = await Promise.all(
    ['v1', ...versions].map(async (version): Promise<readonly Resource[]> => {
      const path = version === 'v1' ? ['api', 'v1'] : ['apis', ...version.split('/')]
      try {
        return readResources(version, await ask({ method: 'GET', path, about }, signal))
      } catch (error) {
        // One group whose server is down must not hide the others.
        if (error instanceof GateError && error.facts.status === 503 && version !== 'v1') return []
        throw error
      }
    }),
  )
  return lists.flat()
}

function readResources(groupVersion: string, list: Json): readonly Resource[] {
  const [version = '', group = ''] = groupVersion.split('/').reverse()
  const entries = listAt(list, 'resources')
  const names = entries.map((entry) => textAt(entry, 'name') ?? '')
  return entries.flatMap((entry, index): Resource[] => {
    const name = names[index] ?? ''
    if (name === '' || name.includes('/')) return []
    const kind = textAt(entry, 'kind') ?? ''
    return [
      {
        ...{ group, version, name, kind },
        singular: textAt(entry, 'singularName') || kind.toLowerCase(),
        shortNames: listAt(objectAt(entry), 'shortNames').map(String),
        namespaced: valueAt(entry, 'namespaced') === true,
        verbs: listAt(objectAt(entry), 'verbs').map(String),
        subresources: names
          .filter((other) => other.startsWith(`${name}/`))
          .map((other) => other.slice(name.length + 1)),
      },
    ]
  })
}
