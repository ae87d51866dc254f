import { isLabelKey, isNamespaceName } from './names.ts'

/** A flag of the grammar: a switch takes no value; a value must pass its check. */
export interface Flag {
  readonly long: string
  readonly short?: string
  readonly value: 'none' | ((text: string) => boolean)
  /** What a value looks like, for the refusal. */
  readonly form?: string
}

const isCount = (text: string) => /^(?:0|[1-9]\d{0,6})$/.test(text)
const oneOf = (...values: readonly string[]) => ({
  value: (text: string) => values.includes(text),
  form: `one of ${values.join(', ')}`,
})
const count = { value: isCount, form: 'a whole number' }

const NAMESPACE: Flag = { long: 'namespace', short: 'n', value: isNamespaceName, form: 'the name of one namespace' }
const ALL_NAMESPACES: Flag = { long: 'all-namespaces', short: 'A', value: 'none' }
const SELECTOR: Flag = { long: 'selector', short: 'l', value: (text) => text !== '', form: 'labels such as app=web' }
const FIELD_SELECTOR: Flag = {
  long: 'field-selector',
  value: (text) => text !== '',
  form: 'such as status.phase=Failed',
}
const NO_HEADERS: Flag = { long: 'no-headers', value: 'none' }
const IGNORE_NOT_FOUND: Flag = { long: 'ignore-not-found', value: 'none' }
const CONTAINER: Flag = { long: 'container', short: 'c', value: isNamespaceName, form: 'the name of a container' }
const ALL: Flag = { long: 'all', value: 'none' }
const OVERWRITE: Flag = { long: 'overwrite', value: 'none' }
const READ_OUTPUT: Flag = { long: 'output', short: 'o', ...oneOf('json', 'yaml', 'wide', 'name') }
const WRITE_OUTPUT: Flag = { long: 'output', short: 'o', ...oneOf('json', 'yaml', 'name') }
/** Only the inline manifest can be meant: no file and no address is ever read. */
const MANIFEST: Flag = { long: 'filename', short: 'f', ...oneOf('-') }

/** Every flag of every verb. What is not here is refused. */
export const FLAGS: Readonly<Record<string, readonly Flag[]>> = {
  get: [
    ...[NAMESPACE, ALL_NAMESPACES, SELECTOR, FIELD_SELECTOR, READ_OUTPUT, NO_HEADERS, IGNORE_NOT_FOUND],
    { long: 'show-labels', value: 'none' },
    { long: 'label-columns', short: 'L', value: (text) => text.split(',').every(isLabelKey), form: 'label keys' },
    { long: 'sort-by', value: (text) => isSortPath(text), form: `one of ${sortPathList()}` },
  ],
  describe: [NAMESPACE, ALL_NAMESPACES, SELECTOR],
  logs: [
    ...[NAMESPACE, SELECTOR, CONTAINER],
    { long: 'previous', short: 'p', value: 'none' },
    { long: 'timestamps', value: 'none' },
    { long: 'all-containers', value: 'none' },
    { long: 'tail', ...count },
    {
      long: 'since',
      value: (text) => /^(?:\d{1,5}h)?(?:\d{1,5}m)?(?:\d{1,7}s)?$/.test(text) && text !== '',
      form: 'such as 1h30m or 90s',
    },
  ],
  top: [NAMESPACE, ALL_NAMESPACES, SELECTOR, NO_HEADERS],
  events: [
    ...[NAMESPACE, ALL_NAMESPACES, NO_HEADERS],
    { long: 'for', value: (text) => text.split('/').length === 2, form: 'TYPE/NAME' },
    { long: 'types', ...oneOf('Normal', 'Warning') },
  ],
  create: [NAMESPACE, MANIFEST, WRITE_OUTPUT],
  apply: [
    ...[NAMESPACE, MANIFEST, WRITE_OUTPUT],
    { long: 'server-side', value: 'none' },
    { long: 'force-conflicts', value: 'none' },
  ],
  patch: [
    ...[NAMESPACE, WRITE_OUTPUT],
    { long: 'patch', short: 'p', value: (text) => text.length <= 65_536, form: 'JSON or YAML' },
    { long: 'type', ...oneOf('strategic', 'merge', 'json') },
  ],
  scale: [NAMESPACE, { long: 'replicas', ...count }, { long: 'current-replicas', ...count }],
  rollout: [NAMESPACE, { long: 'to-revision', ...count }],
  label: [NAMESPACE, SELECTOR, ALL, OVERWRITE, WRITE_OUTPUT],
  annotate: [NAMESPACE, SELECTOR, ALL, OVERWRITE, WRITE_OUTPUT],
  delete: [
    ...[NAMESPACE, SELECTOR, ALL, IGNORE_NOT_FOUND],
    { long: 'cascade', ...oneOf('background', 'foreground', 'orphan') },
    { long: 'grace-period', value: (text) => isCount(text) && text !== '0', form: 'a number of seconds above 0' },
    { long: 'now', value: 'none' },
    // Nothing here ever waits.
    { long: 'wait', ...oneOf('false') },
  ],
  exec: [NAMESPACE, CONTAINER],
}

export const VERBS: readonly string[] = Object.keys(FLAGS)

/** The paths that a list may be sorted by: order over contents would tell about what is masked. */
const SORT_PATHS: ReadonlySet<string> = new Set([
  ...['metadata.name', 'metadata.namespace', 'metadata.creationTimestamp', 'lastTimestamp', 'firstTimestamp'],
  ...['eventTime', 'count', 'type', 'reason', 'status.startTime', 'status.phase', 'spec.nodeName', 'spec.replicas'],
  'status.containerStatuses[0].restartCount',
])

function isSortPath(text: string): boolean {
  return SORT_PATHS.has(sortPathOf(text))
}

/** `{.metadata.name}`, `.metadata.name` and `metadata.name` are one path. */
export function sortPathOf(text: string): string {
  return text.replace(/^\{(.*)\}$/, '$1').replace(/^\./, '')
}

function sortPathList(): string {
  return '.metadata.name, .metadata.creationTimestamp, .lastTimestamp, .status.startTime and the like'
}
