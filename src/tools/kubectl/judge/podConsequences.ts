import type { Json } from '../../../call.ts'
import { isObject, type JsonObject, listAt, objectAt, textAt, valueAt } from '../cluster/apiObject.ts'
import type { Consequence } from './consequence.ts'

/** Volumes that hold nothing of a node, a Secret or another machine. Whatever is not here is judged by a person. */
const PLAIN_VOLUMES: ReadonlySet<string> = new Set([
  ...['emptyDir', 'configMap', 'downwardAPI', 'persistentVolumeClaim', 'ephemeral', 'projected', 'secret', 'hostPath'],
])
const PLAIN_CAPABILITIES: ReadonlySet<string> = new Set(['NET_BIND_SERVICE'])
/** Where a pod gets the token of its own account; the server adds such a volume to every pod. */
const OWN_TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

/** What pods of this specification could reach that a plain pod cannot. */
export function podConsequences(pod: JsonObject): readonly Consequence[] {
  const found: Consequence[] = []
  const add = (name: string, because: string) => found.push({ operation: `pod:${name}`, because })
  const containers = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((key) => listAt(pod, key))

  for (const key of ['hostNetwork', 'hostPID', 'hostIPC'])
    if (pod[key] === true) add(key, `shares ${key} with its node`)
  for (const key of ['serviceAccountName', 'serviceAccount']) {
    const account = textAt(pod, key)
    if (account !== undefined && account !== '' && account !== 'default') add('serviceAccount', `runs as ${account}`)
  }
  if (textAt(pod, 'nodeName')) add('nodeName', 'chooses its node past the scheduler')
  const account = textAt(pod, 'serviceAccountName') || textAt(pod, 'serviceAccount') || 'default'
  for (const volume of listAt(pod, 'volumes')) found.push(...judgeVolume(volume, containers, account))
  found.push(...judgeSecurity(objectAt(pod, 'securityContext')))
  for (const key of listAt(pod, 'looseAnnotations')) add('unconfined', `is annotated ${String(key)}: unconfined`)
  for (const container of containers) found.push(...judgeContainer(container))
  return found
}

function judgeVolume(volume: Json, containers: readonly Json[], account: string): readonly Consequence[] {
  const found: Consequence[] = []
  const name = textAt(volume, 'name')
  const mounts = containers.flatMap((c) => listAt(c, 'volumeMounts')).filter((mount) => textAt(mount, 'name') === name)
  const isOwnToken = mounts.length > 0 && mounts.every((mount) => textAt(mount, 'mountPath') === OWN_TOKEN_PATH)
  for (const [kind, source] of Object.entries(isObject(volume) ? volume : {})) {
    if (kind === 'name' || source === null) continue
    if (kind === 'secret') {
      const secret = textAt(source, 'secretName') ?? ''
      // Servers before 1.24 mount the token of the account so; it is judged by the account.
      const isItsAccount = secret.startsWith(`${account}-token-`) && /^[a-z0-9]{5}$/.test(secret.slice(-5))
      if (!(isOwnToken && isItsAccount && secret.length === account.length + 12))
        found.push(secretRef(`mounts the Secret ${secret}`))
    } else if (kind === 'hostPath') {
      found.push({ operation: 'pod:hostPath', because: `mounts ${textAt(source, 'path') ?? 'a folder'} of its node` })
    } else if (kind === 'projected') {
      for (const part of listAt(source, 'sources')) {
        if (valueAt(part, 'secret') !== undefined)
          found.push(secretRef(`mounts the Secret ${textAt(part, 'secret', 'name') ?? ''}`))
        const token = valueAt(part, 'serviceAccountToken')
        // The server itself asks for no audience; one makes the pod somebody at another service.
        if (token !== undefined && !(isOwnToken && valueAt(token, 'audience') === undefined)) {
          found.push({ operation: 'pod:serviceAccount', because: 'mounts a token of its service account' })
        }
      }
    } else if (!PLAIN_VOLUMES.has(kind)) {
      found.push({ operation: 'pod:volume', because: `mounts a volume of the kind ${kind}` })
    }
  }
  return found
}

function judgeContainer(container: Json): readonly Consequence[] {
  const found: Consequence[] = []
  for (const source of listAt(container, 'envFrom')) {
    if (valueAt(source, 'secretRef') !== undefined) {
      found.push(secretRef(`reads the Secret ${textAt(source, 'secretRef', 'name') ?? ''} into its environment`))
    }
  }
  for (const variable of listAt(container, 'env')) {
    if (valueAt(variable, 'valueFrom', 'secretKeyRef') !== undefined) {
      found.push(
        secretRef(
          `reads the Secret ${textAt(variable, 'valueFrom', 'secretKeyRef', 'name') ?? ''} into its environment`,
        ),
      )
    }
  }
  for (const port of listAt(container, 'ports')) {
    if (typeof valueAt(port, 'hostPort') === 'number')
      found.push({ operation: 'pod:hostPort', because: 'opens a port of its node' })
  }
  const security = objectAt(container, 'securityContext')
  if (security.privileged === true) found.push({ operation: 'pod:privileged', because: 'runs privileged' })
  for (const capability of listAt(security, 'capabilities', 'add')) {
    if (!PLAIN_CAPABILITIES.has(String(capability))) {
      found.push({ operation: 'pod:capabilities', because: `adds the capability ${String(capability)}` })
    }
  }
  return [...found, ...judgeSecurity(security)]
}

function judgeSecurity(security: JsonObject): readonly Consequence[] {
  const found: Consequence[] = []
  const loosened = [
    textAt(security, 'procMount') === 'Unmasked' && 'procMount',
    textAt(security, 'seccompProfile', 'type') === 'Unconfined' && 'seccomp',
    textAt(security, 'appArmorProfile', 'type') === 'Unconfined' && 'AppArmor',
    valueAt(security, 'windowsOptions', 'hostProcess') === true && 'hostProcess',
    listAt(security, 'sysctls').length > 0 && 'sysctls',
    Object.keys(objectAt(security, 'seLinuxOptions')).some((key) => key !== 'level') && 'SELinux',
  ].filter((each) => typeof each === 'string')
  for (const each of loosened) found.push({ operation: 'pod:unconfined', because: `loosens ${each}` })
  return found
}

function secretRef(because: string): Consequence {
  return { operation: 'pod:secretRef', because }
}
