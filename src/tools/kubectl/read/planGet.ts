import type { Json } from '../../../call.ts'
import { GateError } from '../../../errors.ts'
import { placeholderFor } from '../../../placeholder.ts'
import type { ToolOutput, ToolTable } from '../../tool.ts'
import { sortPathOf } from '../args/flags.ts'
import { refuse } from '../args/refuse.ts'
import { listAt, objectAt, textAt, valueAt } from '../cluster/apiObject.ts'
import { isBuiltIn } from '../cluster/discovery.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import { isSecretName } from '../hide/isSecretName.ts'
import { renderYaml } from '../hide/renderYaml.ts'
import { operationOf } from '../judge/operations.ts'
import { outputOf } from '../outputOf.ts'
import { type Plan, type Planning, readPlan } from '../plan.ts'
import { resolveTargets, type Target, textFlag } from '../scope.ts'
import { hasMore, listQuery, readObjects, valueAtPath, withType } from './readObjects.ts'

/** get: objects by name (`get`) or all that are there (`list`), as a table, names, JSON or YAML. */
export async function planGet(planning: Planning): Promise<Plan> {
  const { args } = planning
  const targets = await resolveTargets(planning)
  const operations = targets.map((target) => operationOf(target.names.length === 0 ? 'list' : 'get', target))
  const output = textFlag(args, 'output') ?? 'table'
  const isTable = ['table', 'wide', 'name'].includes(output)
  if (!isTable && ['sort-by', 'show-labels', 'label-columns'].some((flag) => args.flags.has(flag))) {
    refuse('Sorting and columns belong to tables.')
  }
  return readPlan(operations, async ({ signal }) => {
    const here = { ...planning, signal }
    if (!isTable) return readWhole(here, targets, output)
    const tables = await Promise.all(targets.map((target) => readTable(here, target, output === 'wide')))
    const truncated = tables.some(({ cut }) => cut)
    const rows = tables.flatMap(({ rows }) => rows)
    if (output === 'name') {
      const text = rows.map(({ resource, name }) => `${resource}/${name}`).join('\n')
      return outputOf(here, 'get', { texts: [{ name: 'output', text }], truncated })
    }
    return outputOf(here, 'get', { table: joinTables(tables, targets), truncated })
  })
}

async function readWhole(planning: Planning, targets: readonly Target[], output: string): Promise<ToolOutput> {
  const { cluster, hider, settings, args, signal } = planning
  const shown: Json[] = []
  let truncated = false
  for (const target of targets) {
    const found = await orNothing(args.flags.has('ignore-not-found'), { objects: [], hasMore: false }, () =>
      readObjects(cluster, target, settings.limits.maxObjects, signal),
    )
    truncated ||= found.hasMore
    shown.push(...found.objects.map((object) => hider.hide(object, target.resource)))
  }
  const [only] = shown
  const isOne = targets.length === 1 && targets[0]?.names.length === 1
  const value: Json = isOne ? (only ?? null) : { apiVersion: 'v1', kind: 'List', items: shown }
  const document = { name: 'output', value, hidden: [], ...(output === 'yaml' && { render: renderYaml }) }
  return outputOf(planning, 'get', { document, truncated })
}

interface NamedTable {
  readonly columns: readonly string[]
  readonly rows: readonly { readonly resource: string; readonly name: string; readonly cells: readonly Json[] }[]
  readonly cut: boolean
}

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'

/** The server's own table of objects: it knows which columns a type has. */
async function readTable(planning: Planning, target: Target, isWide: boolean): Promise<NamedTable> {
  const { cluster, settings, args, signal, hider } = planning
  const { resource, namespace, names } = target
  const sortBy = textFlag(args, 'sort-by')
  // A column of an added type may show any of its fields, and one of a built-in type what the settings hide.
  const mayHide = !isBuiltIn(resource) || hider.masks(resource)
  const include = { includeObject: sortBy === undefined && !mayHide ? 'Metadata' : 'Object' }
  const about = resource.name
  const limit = settings.limits.maxObjects
  const answers =
    names.length > 0
      ? await Promise.all(
          names.map((name) =>
            orNothing(args.flags.has('ignore-not-found'), null, () =>
              cluster.ask(
                { method: 'GET', path: resourcePath(resource, namespace, name), query: include, accept: TABLE, about },
                signal,
              ),
            ),
          ),
        )
      : [
          await cluster.ask(
            {
              method: 'GET',
              path: resourcePath(resource, namespace),
              query: { ...listQuery(target, limit), ...include },
              accept: TABLE,
              about,
            },
            signal,
          ),
        ]
  const tables = answers.filter((answer) => answer !== null)
  if (tables.some((table) => textAt(table, 'kind') !== 'Table')) {
    throw new GateError('ERR_TARGET_FAILED', { detail: 'It does not make tables of this type; take -o json.' })
  }
  const definitions = listAt(tables[0] ?? {}, 'columnDefinitions')
  const shown = definitions.flatMap((definition, index) =>
    isWide || valueAt(definition, 'priority') === 0 ? [index] : [],
  )
  const headers = shown.map((index) => (textAt(definitions[index] ?? {}, 'name') ?? '').toUpperCase())
  const labels = (textFlag(args, 'label-columns') ?? '').split(',').filter((key) => key !== '')
  const withNamespace = resource.namespaced && namespace === undefined
  const withLabels = args.flags.has('show-labels')
  const rows = tables.flatMap((table) => listAt(table, 'rows'))
  return {
    columns: [
      ...(withNamespace ? ['NAMESPACE'] : []),
      ...headers,
      ...labels.map((key) => key.toUpperCase()),
      ...(withLabels ? ['LABELS'] : []),
    ],
    rows: sortRows(rows, sortBy)
      .slice(0, limit)
      .map((row) => {
        const metadata = objectAt(row, 'object', 'metadata')
        const own = objectAt(metadata, 'labels')
        const cells = listAt(row, 'cells')
        const object = withType(valueAt(row, 'object') ?? null, resource)
        const hidden = mayHide ? textsHidden(object, hider.hide(object, resource)) : []
        return {
          resource: resource.group === '' ? resource.singular : `${resource.singular}.${resource.group}`,
          name: textAt(metadata, 'name') ?? '',
          cells: [
            ...(withNamespace ? [textAt(metadata, 'namespace') ?? ''] : []),
            ...shown.map((index, at) => hideCell(headers[at] ?? '', cells[index] ?? null, hidden)),
            ...labels.map((key) => textAt(own, key) ?? ''),
            ...(withLabels ? [wordLabels(own)] : []),
          ],
        }
      }),
    cut: tables.some(hasMore) || rows.length > limit,
  }
}

/** Everything that the hider has taken out of an object, as a cell would show it. */
function textsHidden(whole: Json | undefined, shown: Json | undefined): readonly string[] {
  if (JSON.stringify(whole) === JSON.stringify(shown)) return []
  if (Array.isArray(whole)) {
    return whole.flatMap((inner, index) => textsHidden(inner, Array.isArray(shown) ? shown[index] : undefined))
  }
  if (typeof whole !== 'object' || whole === null) return [String(whole)]
  return Object.entries(whole).flatMap(([key, inner]) =>
    key === 'managedFields' ? [] : textsHidden(inner, valueAt(shown, key)),
  )
}

function hideCell(header: string, cell: Json, hidden: readonly string[]): Json {
  const text = typeof cell === 'string' ? cell : JSON.stringify(cell)
  if (hidden.some((value) => value !== '' && text.includes(value))) return placeholderFor('protected-field')
  return isSecretName(header) && cell !== '' && cell !== null && typeof cell !== 'number'
    ? placeholderFor('secret-by-name')
    : cell
}

function wordLabels(labels: Readonly<Record<string, Json>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(',')
}

function sortRows(rows: readonly Json[], sortBy: string | undefined): readonly Json[] {
  if (sortBy === undefined) return rows
  const path = sortPathOf(sortBy)
  const keyOf = (row: Json) => valueAtPath(valueAt(row, 'object') ?? null, path) ?? ''
  return rows.toSorted((left, right) => {
    const [a, b] = [keyOf(left), keyOf(right)]
    if (typeof a === 'number' && typeof b === 'number') return a - b
    return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0
  })
}

/** Tables of several types as one: a row says its type, and has nothing in columns of others. */
function joinTables(tables: readonly NamedTable[], targets: readonly Target[]): ToolTable {
  const several = targets.length > 1
  const columns = [...new Set(tables.flatMap((table) => table.columns))]
  return {
    columns: columns.map((name) => ({ name, type: 'text', protectedBy: [] })),
    rows: tables.flatMap((table) =>
      table.rows.map((row) =>
        columns.map((column) => {
          const value = row.cells[table.columns.indexOf(column)] ?? ''
          return several && column === 'NAME' ? `${row.resource}/${String(value)}` : value
        }),
      ),
    ),
  }
}

async function orNothing<T>(isExpected: boolean, nothing: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (isExpected && error instanceof GateError && error.facts.status === 404) return nothing
    throw error
  }
}
