import type { Json } from '../../../call.ts'
import { matchesGlob } from '../../../settings/glob.ts'
import { type ApiObject, isObject, type JsonObject, listAt, objectAt, textAt, valueAt } from '../cluster/apiObject.ts'
import { isBuiltIn, type Resource, resourceName } from '../cluster/discovery.ts'
import type { Consequence } from './consequence.ts'
import { podConsequences } from './podConsequences.ts'

export interface JudgedChange {
  readonly resource: Resource
  /** The object as it is; undefined when there is none. */
  readonly before: ApiObject | undefined
  /** The object as it would be, by the server's own dry run; what was asked for where there can be none. */
  readonly after: ApiObject
  readonly trustedImages: readonly string[] | undefined
}

/**
 * The consequences of a change, from its result: a patch of one line may finish what was half there. What a pod may do
 * counts whole whenever the change touches the pods at all, because a new command can use an old mount.
 */
export function consequencesOf({ resource, before, after, trustedImages }: JudgedChange): readonly Consequence[] {
  const found: Consequence[] = []
  const add = (operation: string, because: string) => found.push({ operation, because })
  const changed = (...path: readonly string[]) =>
    JSON.stringify(valueAt(before, ...path) ?? null) !== JSON.stringify(valueAt(after, ...path) ?? null)

  const pods = podSpecsIn(after)
  if (JSON.stringify(pods) !== JSON.stringify(podSpecsIn(before ?? {}))) {
    for (const pod of pods) found.push(...podConsequences(pod))
    if (trustedImages !== undefined) {
      for (const image of new Set(pods.flatMap(imagesOf))) {
        if (!trustedImages.some((glob) => matchesGlob(glob, image))) add('pod:image', `runs the image ${image}`)
      }
    }
  }
  if (changed('metadata', 'finalizers')) add('meta:finalizers', 'changes finalizers')
  if (changed('metadata', 'ownerReferences')) add('meta:ownerReferences', 'changes what the object belongs to')
  found.push(...consequencesOfType(resource, before, after, changed))
  if (!isBuiltIn(resource)) found.push(ofCustomKind(resourceName(resource)))
  return [...new Map(found.map((each) => [JSON.stringify(each), each])).values()]
}

/** Types that hold others back: to delete one is as much as to write one. */
const PROTECTION =
  /^(?:rbac\.authorization\.k8s\.io|admissionregistration\.k8s\.io|apiregistration\.k8s\.io|apiextensions\.k8s\.io)\/|\/(?:networkpolicies|podsecuritypolicies)$/

/** The consequences of a change that has no object as it would be: a delete, a number of replicas. */
export function consequencesUnseen(verb: string, resource: Resource): readonly Consequence[] {
  const name = resourceName(resource)
  if (!isBuiltIn(resource)) return [ofCustomKind(name)]
  if (verb !== 'delete') return []
  if (name === 'secrets') return [{ operation: 'secret:delete', because: 'deletes a Secret' }]
  return PROTECTION.test(name) ? consequencesOfType(resource, undefined, {}, () => false) : []
}

function ofCustomKind(name: string): Consequence {
  return { operation: `kind:${name}`, because: 'is of a kind that only its own controller understands' }
}

function consequencesOfType(
  resource: Resource,
  before: ApiObject | undefined,
  after: ApiObject,
  changed: (...path: readonly string[]) => boolean,
): readonly Consequence[] {
  const named = (operation: string, because: string): Consequence[] => [{ operation, because }]
  switch (resourceName(resource)) {
    case 'secrets':
      return [
        ...named('secret:write', 'writes a Secret'),
        ...(/^(?:kubernetes\.io\/service-account-token|bootstrap\.kubernetes\.io\/token)$/.test(
          textAt(after, 'type') ?? '',
        )
          ? named('secret:token', 'makes a token')
          : []),
      ]
    case 'rbac.authorization.k8s.io/roles':
    case 'rbac.authorization.k8s.io/clusterroles':
    case 'rbac.authorization.k8s.io/rolebindings':
    case 'rbac.authorization.k8s.io/clusterrolebindings':
      return named('rbac:grant', 'says who may do what in the cluster')
    case 'policy/podsecuritypolicies':
    case 'extensions/podsecuritypolicies':
      return named('rbac:podSecurityPolicy', 'says what pods may do')
    case 'certificates.k8s.io/certificatesigningrequests':
      return named('rbac:certificate', 'asks for a client certificate')
    case 'serviceaccounts':
      return changed('metadata', 'annotations') || changed('secrets')
        ? named('rbac:serviceAccount', 'changes what a service account is outside the cluster')
        : []
    case 'admissionregistration.k8s.io/mutatingwebhookconfigurations':
      return named('webhook:mutating', 'lets a webhook change every object')
    case 'admissionregistration.k8s.io/validatingwebhookconfigurations':
      return named('webhook:validating', 'lets a webhook see and refuse every object')
    case 'apiregistration.k8s.io/apiservices':
      return named('webhook:apiService', 'puts another server behind a part of the API')
    case 'apiextensions.k8s.io/customresourcedefinitions':
      return [
        ...named('crd:definition', 'defines a type'),
        ...(valueAt(after, 'spec', 'conversion', 'webhook') !== undefined ||
        valueAt(after, 'spec', 'conversion', 'webhookClientConfig') !== undefined
          ? named('webhook:conversion', 'lets a webhook see and change its objects')
          : []),
      ]
    case 'namespaces': {
      const labels = [before, after].flatMap((each) => Object.keys(objectAt(each, 'metadata', 'labels')))
      return labels.some((key) => key.includes('pod-security') && changed('metadata', 'labels', key))
        ? named('namespace:podSecurity', 'changes what pods of a namespace may do')
        : []
    }
    case 'persistentvolumes': {
      const spec = objectAt(after, 'spec')
      const host = ['hostPath', 'local'].find((kind) => spec[kind] !== undefined)
      return host === undefined ? [] : named('pod:hostPath', `offers a folder of a node (${host})`)
    }
    case 'services':
      return exposure(objectAt(after, 'spec'))
    case 'networking.k8s.io/ingresses':
    case 'extensions/ingresses':
      return named('network:ingress', 'opens services to the outside')
    case 'networking.k8s.io/networkpolicies':
    case 'extensions/networkpolicies':
      return named('network:policy', 'says which traffic pods may have')
    case 'endpoints':
    case 'discovery.k8s.io/endpointslices':
      return named('network:endpoints', 'says where traffic for a service goes')
    default:
      // Types of newer servers that say what other requests may do.
      if (resource.group === 'admissionregistration.k8s.io')
        return named('webhook:admission', 'judges or changes other requests')
      return resource.group === 'rbac.authorization.k8s.io' ? named('rbac:grant', 'says who may do what') : []
  }
}

function exposure(spec: JsonObject): readonly Consequence[] {
  const type = textAt(spec, 'type')
  const found: Consequence[] = []
  if (listAt(spec, 'externalIPs').length > 0)
    found.push({ operation: 'network:externalIPs', because: 'takes traffic for addresses' })
  if (type === 'LoadBalancer')
    found.push({ operation: 'network:loadBalancer', because: 'opens a service to the outside' })
  if (type === 'NodePort') found.push({ operation: 'network:nodePort', because: 'opens a port on every node' })
  if (type === 'ExternalName')
    found.push({ operation: 'network:externalName', because: 'sends traffic to another name' })
  return found
}

/** Every specification of pods in an object, at any depth: workloads of today, and custom types that embed one. */
function podSpecsIn(value: Json | undefined, depth = 0, owner: JsonObject = {}): readonly JsonObject[] {
  // Deeper than any object the server accepts; a manifest is bounded before.
  if (depth > 200) throw new TypeError('an object that is nested too deep')
  if (Array.isArray(value)) return value.flatMap((inner) => podSpecsIn(inner, depth + 1))
  if (!isObject(value)) return []
  const own = ['containers', 'initContainers', 'ephemeralContainers'].some((key) => Array.isArray(value[key]))
    ? [{ ...value, ...looseAnnotations(owner) }]
    : []
  const inner = Object.entries(value).flatMap(([key, each]) =>
    ['status', 'managedFields', 'containers', 'initContainers'].includes(key) ? [] : podSpecsIn(each, depth + 1, value),
  )
  return [...own, ...inner]
}

/** Annotations beside a specification that say of its containers what its fields say today. */
function looseAnnotations(owner: JsonObject): JsonObject {
  const loose = Object.entries(objectAt(owner, 'metadata', 'annotations'))
    .filter(([key, value]) => /^(?:container\.)?(?:apparmor|seccomp)\.security\./.test(key) && value === 'unconfined')
    .map(([key]) => key)
  return loose.length === 0 ? {} : { looseAnnotations: loose }
}

function imagesOf(pod: JsonObject): readonly string[] {
  return ['containers', 'initContainers', 'ephemeralContainers'].flatMap((key) =>
    listAt(pod, key).flatMap((container) => textAt(container, 'image') ?? []),
  )
}
