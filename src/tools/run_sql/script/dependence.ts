import { mentionedRelations, type Statement } from '../syntax/classify.ts'
import { isObject, type NodeFields } from '../syntax/walkTree.ts'

/** What a statement leaves different for those after it: nothing, relations of these names, or it cannot be said. */
type Redefined = ReadonlySet<string> | 'anything'

/** Definitions that change no meaning: contents, notes, statistics. */
const CHANGE_NOTHING = ['TruncateStmt', 'CommentStmt', 'RefreshMatViewStmt', 'VacuumStmt']

/** Definitions that change what they name, and nothing that has another name. */
const CHANGE_WHAT_THEY_NAME = [
  'CreateStmt',
  'CreateTableAsStmt',
  'ViewStmt',
  'IndexStmt',
  'CreateSeqStmt',
  'AlterSeqStmt',
  'CreateStatsStmt',
  'CreateSchemaStmt',
  'AlterTableStmt',
  'RenameStmt',
  'DropStmt',
]

const RELATIONS = [
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_INDEX',
  'OBJECT_SEQUENCE',
  'OBJECT_COLUMN',
  'OBJECT_TABCONSTRAINT',
]

/**
 * What a statement redefines, by its form. Names are bare (`jobs`, whatever the schema), so that a table that hides
 * another one counts as well. Being wrong here is safe: every statement is judged again when its turn comes.
 */
export function redefinedBy({ form, kind, root, operations }: Statement): Redefined {
  if (form === 'query' || CHANGE_NOTHING.includes(kind)) return new Set()
  const { node } = root
  if (kind === 'GrantStmt') return node.objtype === 'OBJECT_TABLE' ? new Set() : 'anything'
  if (!CHANGE_WHAT_THEY_NAME.includes(kind) || node.behavior === 'DROP_CASCADE') return 'anything'
  const type = node.renameType ?? node.removeType ?? node.objtype
  if (['RenameStmt', 'DropStmt', 'AlterTableStmt'].includes(kind) && !RELATIONS.includes(String(type)))
    return 'anything'
  if (kind === 'CreateSchemaStmt') return new Set([schemaKey(String(node.schemaname))])
  const named = operations.flatMap(({ targets }) => targets).map(({ name }) => name)
  return new Set([...named, ...namesIn(root), ...ownNames(node)])
}

/** The bare names a statement uses, of relations and (marked) of schemas. */
export function namesIn(root: Statement['root']): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { name, schema } of mentionedRelations(root)) {
    names.add(name)
    if (schema !== undefined) names.add(schemaKey(schema))
  }
  return names
}

/** `jobs` for `public.jobs`. A name with a dot in it gives something else, which is found out when its turn comes. */
export function bareName(table: string): string {
  return table.slice(table.lastIndexOf('.') + 1).replaceAll('"', '')
}

/** The new name of a rename, and an index's own. */
function ownNames(node: NodeFields): readonly string[] {
  const relation = isObject(node.relation) ? [String(node.relation.relname)] : []
  return [node.newname, node.idxname].flatMap((name) => (typeof name === 'string' ? [name] : [])).concat(relation)
}

const schemaKey = (schema: string): string => `schema ${schema}`
