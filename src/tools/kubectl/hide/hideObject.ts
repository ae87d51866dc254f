import type { Json } from '../../../call.ts'
import { placeholderFor } from '../../../placeholder.ts'
import { isObject, type JsonObject, textAt } from '../cluster/apiObject.ts'
import { isSecretName } from './isSecretName.ts'

/** Told about everything that was hidden: where in the object, and why. */
export type OnHidden = (where: string, why: string) => void

/** Annotations in which tools keep whole manifests, values of Secrets included. */
const KEPT_MANIFEST =
  /last-applied|last-handled|applied-config|objectset\.rio\.cattle\.io\/applied|original-manifest|^kapp\.k14s\.io\/original$/i

/**
 * An object of the API as it may leave the tool: the values of Secrets, wherever one is embedded, releases of Helm, kept
 * manifests, keys and kubeconfigs, and what is a secret by its name are replaced; `managedFields` is left out. The
 * detectors of the gateway look at the rest once more.
 *
 * @param pointers further pointers to hide, of this type of object: `/data/*`
 */
export function hideObject(object: Json, pointers: readonly string[], onHidden: OnHidden): Json {
  const shown = hideValue(object, '', '', onHidden)
  return pointers.reduce((value, pointer) => hidePointer(value, pointer.split('/').slice(1), '', onHidden), shown)
}

function hideValue(value: Json, name: string, where: string, onHidden: OnHidden): Json {
  if (typeof value === 'string') return hideText(value, name, where, onHidden)
  if (Array.isArray(value)) return hideList(value, name, where, onHidden)
  return isObject(value) ? hideMap(value, where, onHidden) : value
}

function hideMap(map: JsonObject, where: string, onHidden: OnHidden, ofSecrets = false): Json {
  const kind = textAt(map, 'kind') ?? ''
  const isSecret = ofSecrets || /^secret$/i.test(kind)
  const isRelease = isHelmRelease(map)
  const entries = Object.entries(map).flatMap(([key, value]): [string, Json][] => {
    const at = `${where}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (key === 'managedFields') return []
    // Items of a list do not say what they are.
    if (/^secretlist$/i.test(kind) && key === 'items' && Array.isArray(value)) {
      return [[key, value.map((item, i) => (isObject(item) ? hideMap(item, `${at}/${i}`, onHidden, true) : item))]]
    }
    // No other type calls a field so than one that makes Secrets.
    if (key === 'stringData') return [[key, hideAll(value, at, 'secret', onHidden)]]
    if (key === 'binaryData' && isObject(value)) return [[key, hideBinary(value, at, isRelease, onHidden)]]
    if (isSecret && key === 'data') return [[key, hideAll(value, at, 'secret', onHidden)]]
    if (isRelease && key === 'data') return [[key, hideAll(value, at, 'helm-release', onHidden)]]
    if (typeof value === 'string' && KEPT_MANIFEST.test(key)) return [[key, hide(at, 'kept-manifest', onHidden)]]
    if (key === 'value' && typeof value === 'string' && isSecretName(textAt(map, 'name') ?? '') && isValue(value)) {
      return [[key, hide(at, 'secret-by-name', onHidden)]]
    }
    return [[key, hideValue(value, key, at, onHidden)]]
  })
  return Object.fromEntries(entries)
}

/** Bytes, in base64: what they say in plain decides. */
function hideBinary(map: JsonObject, where: string, isRelease: boolean, onHidden: OnHidden): Json {
  if (isRelease) return hideAll(map, where, 'helm-release', onHidden)
  const entries = Object.entries(map).map(([key, value]): [string, Json] => {
    if (typeof value !== 'string') return [key, value]
    const plain = Buffer.from(value, 'base64').toString('utf8')
    const shown = hideText(plain, key, `${where}/${key}`, onHidden)
    return [key, shown === plain ? value : shown]
  })
  return Object.fromEntries(entries)
}

/** Every value below, the keys stay. What is no map of values is hidden whole. */
function hideAll(value: Json, where: string, why: string, onHidden: OnHidden): Json {
  if (value === null) return null
  if (!isObject(value)) return hide(where, why, onHidden)
  return Object.fromEntries(Object.keys(value).map((key) => [key, hide(`${where}/${key}`, why, onHidden)]))
}

/** In a command line, the word behind `--password` is one. */
function hideList(list: readonly Json[], name: string, where: string, onHidden: OnHidden): Json {
  const isCommand = name === 'args' || name === 'command'
  return list.map((value, index) => {
    const at = `${where}/${index}`
    const before = list[index - 1]
    if (isCommand && typeof value === 'string') {
      if (typeof before === 'string' && /^--?[a-z]/i.test(before) && isSecretName(before) && !value.startsWith('-')) {
        return hide(at, 'secret-by-name', onHidden)
      }
      const [, flag = '', rest = ''] = /^(--?[A-Za-z][A-Za-z0-9_.-]*=)(.+)$/s.exec(value) ?? []
      if (flag !== '' && isSecretName(flag) && isValue(rest)) return flag + hide(at, 'secret-by-name', onHidden)
    }
    // Code that is dressed up as a key stays in sight; the detectors hide what is one.
    return isCommand && typeof value === 'string' ? value : hideValue(value, name, at, onHidden)
  })
}

function hideText(text: string, name: string, where: string, onHidden: OnHidden): string {
  if (isSecretName(name) && isValue(text)) return hide(where, 'secret-by-name', onHidden)
  if (/-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY/.test(text)) return hide(where, 'private-key', onHidden)
  if (/\bclient-key-data\b/.test(text) || (/\bcurrent-context\b/.test(text) && /\busers\b/.test(text))) {
    return hide(where, 'kubeconfig', onHidden)
  }
  if (/\bkind\\{0,8}["']?\s{0,8}:\s{0,8}\\{0,8}["']?Secret(?:List)?\b/.test(text))
    return hide(where, 'kept-manifest', onHidden)
  return text
}

/** A reference, a switch or an empty text tells nothing and is worth seeing. */
function isValue(text: string): boolean {
  return text !== '' && !/^(?:true|false|\$\([A-Za-z0-9_.-]+\)|\$\{[A-Za-z0-9_.-]+\})$/.test(text)
}

/** Helm keeps every manifest of a release, packed, in a Secret or in a ConfigMap. */
function isHelmRelease(map: JsonObject): boolean {
  const name = textAt(map, 'metadata', 'name') ?? ''
  const owner = textAt(map, 'metadata', 'labels', 'owner') ?? textAt(map, 'metadata', 'labels', 'OWNER') ?? ''
  return name.startsWith('sh.helm.release.') || /^(?:helm|tiller)$/i.test(owner)
}

function hidePointer(value: Json, path: readonly string[], where: string, onHidden: OnHidden): Json {
  const [key, ...rest] = path
  if (key === undefined) return hide(where, 'protected-field', onHidden)
  const descend = (inner: Json, at: string): Json => hidePointer(inner, rest, `${where}/${at}`, onHidden)
  if (Array.isArray(value))
    return value.map((inner, i) => (key === '*' || key === String(i) ? descend(inner, String(i)) : inner))
  if (!isObject(value)) return value
  const plain = key.replaceAll('~1', '/').replaceAll('~0', '~')
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, key === '*' || plain === name ? descend(inner, name) : inner]),
  )
}

function hide(where: string, why: string, onHidden: OnHidden): string {
  onHidden(where, why)
  return placeholderFor(why)
}
