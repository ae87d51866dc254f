import { isAlias, isMap, isScalar, parseAllDocuments, visit } from 'yaml'
import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { isNamespaceName, isObjectName } from '../args/names.ts'
import { quote } from '../args/refuse.ts'
import { type ApiObject, isObject, objectAt, textAt, valueAt } from '../cluster/apiObject.ts'

/** One object of a manifest. Sent as JSON: the YAML is read once, here. */
export interface ManifestObject {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string | undefined
  readonly body: ApiObject
}

const MAX_TEXT = 512 * 1024
const MAX_DOCUMENTS = 100
const MAX_ALIASES = 50
const MAX_DEPTH = 60
/** A line that begins a document. */
const DOCUMENT_START = /^---(?=\s|$)/gm

/** What belongs to the server. An agent that writes it has copied an object, or means to hold on to another one. */
const SERVER_FIELDS = [
  'uid',
  'resourceVersion',
  'generation',
  'selfLink',
  'managedFields',
  'deletionTimestamp',
  'generateName',
]

/**
 * Reads the objects of an inline manifest: strict YAML 1.2 (or JSON), several documents, `List` expanded. Refused is
 * what two readers read differently: duplicate keys, tags, merge keys, numbers that lose digits.
 *
 * @throws GateError ERR_KUBECTL_MANIFEST. Never repeats a value of the manifest.
 */
export function readManifest(text: string): readonly ManifestObject[] {
  const objects = parseDocuments(text).flatMap((document) => expandList(document))
  if (objects.length === 0) refuse('It holds no object.')
  if (objects.length > MAX_DOCUMENTS) refuse(`It holds more than ${MAX_DOCUMENTS} objects.`)
  const read = objects.map(readObject)
  const seen = new Set<string>()
  for (const { apiVersion, kind, namespace, name } of read) {
    // Another version of a group is the same object.
    const key = JSON.stringify([apiVersion.split('/').slice(0, -1), kind, namespace, name])
    if (seen.has(key)) refuse(`${kind} ${quote(name)} appears twice.`)
    seen.add(key)
  }
  return read
}

/** One value of the language of manifests, such as a patch in YAML or JSON. */
export function readYamlValue(text: string): Json {
  const documents = parseDocuments(text)
  const [value, other] = documents
  if (value === undefined || other !== undefined) refuse('One document is expected.')
  return value
}

function parseDocuments(text: string): readonly Json[] {
  if (text.length > MAX_TEXT) refuse('It is larger than 512 KiB.')
  if (!text.isWellFormed() || /[\p{Cc}\ufeff]/u.test(text.replace(/[\n\r\t]/g, ''))) {
    refuse('It holds control characters.')
  }
  // Counted before they are read: each costs much more than its three characters.
  if ([...text.matchAll(DOCUMENT_START)].length > MAX_DOCUMENTS)
    refuse(`It holds more than ${MAX_DOCUMENTS} documents.`)
  const options = {
    version: '1.2',
    schema: 'core',
    prettyErrors: false,
    stringKeys: true,
    strict: true,
    uniqueKeys: true,
  } as const
  const documents = parseAllDocuments(text, options)
  if ('empty' in documents) return []
  if (documents.length > MAX_DOCUMENTS) refuse(`It holds more than ${MAX_DOCUMENTS} documents.`)
  return documents.flatMap((document) => {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) refuse(`It is not strict YAML (${problem.code}, at character ${problem.pos[0]}).`)
    if (document.directives.yaml.explicit === true && document.directives.yaml.version !== '1.2')
      refuse('Only YAML 1.2 is read.')
    let aliases = 0
    visit(document, {
      Node(_, node, path) {
        if (path.length > MAX_DEPTH * 2) refuse('It is nested too deep.')
        if (isAlias(node)) {
          // To find its anchor costs a walk over the whole document.
          if (++aliases > MAX_ALIASES) refuse(`It holds more than ${MAX_ALIASES} aliases.`)
          if (node.resolve(document) === undefined) refuse('An alias has no anchor.')
        } else if (node.tag !== undefined) refuse('Tags are not read.')
      },
      Pair(_, { key }) {
        const name = isScalar(key) ? key.value : undefined
        if (name === '<<') refuse('Merge keys (<<) are not read: write the fields out.')
        if (name === '__proto__') refuse('A key is not allowed.')
      },
    })
    if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return []
    if (!isMap(document.contents) && !Array.isArray((document.contents as { items?: unknown }).items))
      refuse('It is no object.')
    try {
      const value = document.toJS({ maxAliasCount: MAX_ALIASES }) as Json
      checkNumbers(value)
      return [value]
    } catch (error) {
      if (error instanceof GateError) throw error
      return refuse('Its aliases expand to too much.')
    }
  })
}

/** What is sent must be what was read: no digits may be lost, and JSON has no infinity. */
function checkNumbers(value: Json): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
      refuse('A number is too large.')
  } else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) checkNumbers(inner)
}

function expandList(document: Json): readonly Json[] {
  const kind = textAt(document, 'kind') ?? ''
  if (!kind.endsWith('List') || valueAt(document, 'items') === undefined) return [document]
  if (kind !== 'List' || textAt(document, 'apiVersion') !== 'v1')
    refuse('Of lists, only kind List of apiVersion v1 is read.')
  const items = valueAt(document, 'items')
  if (!Array.isArray(items)) refuse('items of a List is a list.')
  return items as readonly Json[]
}

function readObject(value: Json): ManifestObject {
  if (!isObject(value)) refuse('It holds something that is no object.')
  const apiVersion = textAt(value, 'apiVersion') ?? ''
  const kind = textAt(value, 'kind') ?? ''
  if (!/^(?:[a-z0-9][-a-z0-9.]{0,252}\/)?v[0-9][a-z0-9]{0,30}$/.test(apiVersion))
    refuse('apiVersion is missing, or is none.')
  if (!/^[A-Z][A-Za-z0-9]{0,62}$/.test(kind)) refuse('kind is missing, or is none.')
  if (kind.endsWith('List')) refuse('A list inside a list is not read.')
  const metadata = objectAt(value, 'metadata')
  const { name, namespace } = metadata
  const own = SERVER_FIELDS.find((field) => metadata[field] !== undefined && metadata[field] !== null)
  if (own === 'generateName')
    refuse(`${kind}: metadata.name is needed instead of generateName, so that the object can be named.`)
  if (own !== undefined) refuse(`${kind}: metadata.${own} belongs to the server; leave it out.`)
  if (Object.keys(objectAt(value, 'status')).length > 0) refuse(`${kind}: status belongs to the server; leave it out.`)
  if (typeof name !== 'string' || !isObjectName(name)) refuse(`${kind}: metadata.name is missing, or is no name.`)
  if (namespace !== undefined && (typeof namespace !== 'string' || !isNamespaceName(namespace))) {
    refuse(`${kind} ${quote(name)}: metadata.namespace is no name of a namespace.`)
  }
  return { apiVersion, kind, name, namespace, body: value }
}

function refuse(detail: string): never {
  throw new GateError('ERR_KUBECTL_MANIFEST', { detail })
}
