import { GateError } from '../../../errors.ts'
import { QUERY_KINDS, SHOWABLE, STATEMENT_KINDS } from './statementKinds.ts'
import { isObject, type NodeFields, type SyntaxNode, unwrap, walkTree } from './walkTree.ts'

/** A relation as the text names it: not resolved, so `users` may still be in any schema of the search path. */
export interface NamedRelation {
  readonly schema: string | undefined
  readonly name: string
}

/** One thing that the text itself says it does. What the server makes of it is the analysis's part. */
export interface StatementOperation {
  readonly operation: string
  /** The relation that is written or defined, where the grammar has one. */
  readonly targets: readonly NamedRelation[]
  /** For UPDATE and DELETE, and a SELECT at the top: a WHERE that is not simply TRUE. */
  readonly where: boolean | undefined
  readonly floor: 'deny' | 'require-approval' | undefined
  /** When nothing names it: `require-approval` for consequences. */
  readonly otherwise: 'deny' | 'require-approval'
  readonly because: string | undefined
}

/** A statement by its form. */
export interface Statement {
  /**
   * `query`: SELECT, INSERT, UPDATE, DELETE or MERGE, which the server can analyse as a whole. `explain`: EXPLAIN of one.
   * `definition`: CREATE ... AS over a query. `utility`: everything else.
   */
  readonly form: 'query' | 'explain' | 'definition' | 'utility'
  /** Node kind of the statement, `DeleteStmt`. */
  readonly kind: string
  readonly root: SyntaxNode
  /** The query inside EXPLAIN or CREATE ... AS; the statement itself when it is a query. */
  readonly inner: SyntaxNode | undefined
  /** `read` changes nothing and is always rolled back. */
  readonly effect: 'read' | 'write'
  /** Which role must run it. EXPLAIN of a write reads, and still needs the privileges of the write. */
  readonly role: 'read' | 'write'
  readonly operations: readonly StatementOperation[]
  /** EXPLAIN that runs the statement. */
  readonly measured?: boolean
  /** EXPLAIN that shows estimates: the width of a column is the average length of its values. */
  readonly estimated?: boolean
}

const WRITES = ['INSERT', 'UPDATE', 'DELETE', 'MERGE']

/** Says what a parsed statement does by its form. Throws for what is not understood; never leaves a part of it out. */
export function classify(root: SyntaxNode): Statement {
  if (root.kind === 'ExplainStmt') return classifyExplain(root)
  if (root.kind in QUERY_KINDS) {
    const operations = queryOperations(root)
    const effect = operations.every(({ operation }) => operation === 'SELECT') ? 'read' : 'write'
    return { form: 'query', kind: root.kind, root, inner: root, effect, role: effect, operations }
  }
  if (root.kind === 'VariableShowStmt') return classifyShow(root)
  const query = definedQuery(root)
  const operations = [...utilityOperations(root), ...(query === undefined ? [] : queryOperations(query))]
  const form = query === undefined ? 'utility' : 'definition'
  return { form, kind: root.kind, root, inner: query, effect: 'write', role: 'write', operations }
}

function classifyExplain(root: SyntaxNode): Statement {
  const query = unwrap(root.node.query, root, 'query')
  const inner = classify(query)
  if (inner.form !== 'query') {
    throw new GateError('ERR_SQL_NOT_UNDERSTOOD', {
      detail: 'EXPLAIN takes SELECT, INSERT, UPDATE, DELETE or MERGE here.',
    })
  }
  const runs = isAnalyze(root)
  return {
    form: 'explain',
    kind: root.kind,
    root,
    inner: inner.inner,
    effect: runs ? inner.effect : 'read',
    role: inner.role,
    operations: inner.operations,
    ...(runs && { measured: true }),
    ...(showsCosts(root) && { estimated: true }),
  }
}

/** Any `analyze` that is not clearly off counts: the server takes the last of several, and several spellings of off. */
function isAnalyze(root: SyntaxNode): boolean {
  return optionsNamed(root, 'analyze').some((isOn) => isOn)
}

/** Costs are shown unless every word about them says off. */
function showsCosts(root: SyntaxNode): boolean {
  const options = optionsNamed(root, 'costs')
  return options.length === 0 || options.some((isOn) => isOn)
}

function optionsNamed(root: SyntaxNode, name: string): readonly boolean[] {
  const options = listOf(root, 'options').filter(({ node }) => node.defname === name)
  return options.map(({ node }) => {
    const arg = isObject(node.arg) ? Object.values(node.arg)[0] : undefined
    if (!isObject(arg)) return true
    const value = String(arg.sval ?? arg.boolval ?? arg.ival ?? '0').toLowerCase()
    return !['false', 'off', '0'].includes(value)
  })
}

function classifyShow(root: SyntaxNode): Statement {
  const name = String(root.node.name ?? '').toLowerCase()
  const operation = {
    ...bare('SHOW'),
    ...(SHOWABLE.has(name)
      ? {}
      : { floor: 'deny' as const, because: `SHOW is limited to: ${[...SHOWABLE].sort().join(', ')}` }),
  }
  return {
    form: 'utility',
    kind: root.kind,
    root,
    inner: undefined,
    effect: 'read',
    role: 'read',
    operations: [operation],
  }
}

/** Operations of a query: one for each statement in it at any depth, its row locks, and SELECT INTO. */
function queryOperations(root: SyntaxNode): StatementOperation[] {
  const operations: StatementOperation[] = []
  let reads = root.kind === 'SelectStmt'
  for (const found of walkTree(root)) {
    const { kind, node } = found
    if (kind in STATEMENT_KINDS || kind === 'ExplainStmt' || kind === 'VariableShowStmt') {
      throw new GateError('ERR_SQL_NOT_UNDERSTOOD', { detail: `A query cannot hold ${kind}.` })
    }
    if (kind === 'IntoClause' && found.parent?.kind === 'SelectStmt') {
      operations.push({
        ...bare('CREATE'),
        targets: relationOf(node.rel),
        floor: 'deny',
        because: 'SELECT INTO creates a table: use CREATE TABLE ... AS',
      })
    }
    if (kind === 'LockingClause') operations.push({ ...bare('LOCK'), because: 'FOR UPDATE and FOR SHARE lock rows' })
    const operation = QUERY_KINDS[kind]
    if (operation === undefined || !WRITES.includes(operation)) continue
    operations.push({
      ...bare(operation),
      targets: relationOf(node.relation),
      where: operation === 'UPDATE' || operation === 'DELETE' ? hasCondition(node) : undefined,
      because: found === root ? undefined : `a WITH clause holds the ${operation}`,
    })
    if (kind === 'InsertStmt' && updatesOnConflict(node)) {
      operations.push({
        ...bare('UPDATE'),
        targets: relationOf(node.relation),
        where: true,
        because: 'ON CONFLICT DO UPDATE',
      })
    }
    if (kind === 'MergeStmt') operations.push(...mergeOperations(found))
  }
  reads &&= !operations.some(({ operation }) => operation === 'CREATE')
  if (root.kind === 'SelectStmt' && (reads || operations.length > 0)) {
    operations.push({ ...bare('SELECT'), where: hasCondition(root.node) })
  }
  return operations
}

/** A MERGE is itself, and what its WHEN clauses do: a rule against DELETE must see the DELETE in it. */
function mergeOperations(merge: SyntaxNode): StatementOperation[] {
  const commands = listOf(merge, 'mergeWhenClauses').map(({ node }) => String(node.commandType ?? ''))
  return Object.entries({ CMD_INSERT: 'INSERT', CMD_UPDATE: 'UPDATE', CMD_DELETE: 'DELETE' }).flatMap(
    ([command, name]) =>
      commands.includes(command)
        ? [
            {
              ...bare(name),
              targets: relationOf(merge.node.relation),
              where: name === 'INSERT' ? undefined : true,
              because: 'a WHEN clause of the MERGE',
            },
          ]
        : [],
  )
}

function utilityOperations(root: SyntaxNode): StatementOperation[] {
  const operations: StatementOperation[] = []
  const queries = new Set<NodeFields>()
  for (const found of walkTree(root)) {
    const { kind, node, parent } = found
    // What CREATE ... AS defines is analysed as a query of its own; the body of a function does not run now.
    if (parent !== undefined && queries.has(parent.node)) {
      queries.add(node)
      continue
    }
    if (found !== root && (kind in QUERY_KINDS || kind === 'ReturnStmt')) {
      queries.add(node)
      continue
    }
    const meaning = STATEMENT_KINDS[kind]
    if (meaning !== undefined) {
      // SET inside ALTER ROLE or CREATE FUNCTION and GRANT inside ALTER DEFAULT PRIVILEGES belong to their parent.
      const isPart = parent !== undefined && parent.kind !== 'CreateSchemaStmt'
      if (!isPart) operations.push(...meaningOf(found, meaning))
    } else if (found === root) {
      throw new GateError('ERR_SQL_NOT_UNDERSTOOD', { detail: `It is a ${kind}.`, facts: { node: kind } })
    }
    if (kind === 'FuncCall' && parent?.kind !== 'CallStmt' && !isHarmlessDefault(node)) {
      operations.push({ ...code('expression', 'the definition calls a function'), floor: undefined })
    }
  }
  return operations
}

function meaningOf(
  found: SyntaxNode,
  meaning: { operation: string; code?: string; instead?: string },
): StatementOperation[] {
  const { kind, node } = found
  let { operation, instead } = meaning
  if (kind === 'GrantStmt' && node.is_grant !== true) operation = 'REVOKE'
  if (kind === 'VacuumStmt' && node.is_vacuumcmd !== true) {
    operation = 'ANALYZE'
    instead = undefined
  }
  if (kind === 'CreateSchemaStmt' && node.schemaElts !== undefined) {
    instead = 'create the schema alone, and then what is in it, one statement for each call'
  }
  if ((kind === 'IndexStmt' || kind === 'DropStmt') && node.concurrent === true) {
    instead = 'CONCURRENTLY cannot run inside a transaction; leave it out, or have an operator run it'
  }
  if (
    kind === 'AlterTableStmt' &&
    listOf(found, 'cmds').some(
      (cmd) => cmd.node.subtype === 'AT_DetachPartition' && isObject(cmd.node.def) && isConcurrent(cmd.node.def),
    )
  ) {
    instead = 'CONCURRENTLY cannot run inside a transaction; leave it out, or have an operator run it'
  }
  const operations: StatementOperation[] = [
    {
      ...bare(operation),
      targets: targetsOf(found),
      ...(instead === undefined ? {} : { floor: 'deny' as const, because: `${operation} never runs here: ${instead}` }),
    },
  ]
  if (meaning.code !== undefined) operations.push(code(meaning.code, `${operation} brings code that cannot be judged`))
  return operations
}

function isConcurrent(def: NodeFields): boolean {
  return Object.values(def).some((inner) => isObject(inner) && inner.concurrent === true)
}

function code(name: string, because: string): StatementOperation {
  return { ...bare(`code:${name}`), otherwise: 'require-approval', floor: 'require-approval', because }
}

function bare(operation: string): StatementOperation {
  return { operation, targets: [], where: undefined, floor: undefined, otherwise: 'deny', because: undefined }
}

/** Defaults that every schema has. Others call code that nobody listed. */
const HARMLESS = [
  'now',
  'clock_timestamp',
  'statement_timestamp',
  'transaction_timestamp',
  'gen_random_uuid',
  'nextval',
]

function isHarmlessDefault(node: NodeFields): boolean {
  const names = Array.isArray(node.funcname) ? node.funcname.map(nameOf) : []
  const last = names.at(-1) ?? ''
  const takesNone = node.args === undefined || last === 'nextval'
  return takesNone && HARMLESS.includes(last) && (names.length === 1 || names[0] === 'pg_catalog')
}

/** The query that CREATE TABLE AS, CREATE VIEW or CREATE MATERIALIZED VIEW is made from. */
function definedQuery(root: SyntaxNode): SyntaxNode | undefined {
  if (root.kind !== 'CreateTableAsStmt' && root.kind !== 'ViewStmt') return undefined
  const query = unwrap(root.node.query, root, 'query')
  if (!(query.kind in QUERY_KINDS)) {
    throw new GateError('ERR_SQL_NOT_UNDERSTOOD', { detail: 'CREATE ... AS takes a query.' })
  }
  return query
}

/** Relations that a definition names as its object; also the first name of the objects DROP and COMMENT list. */
function targetsOf(found: SyntaxNode): readonly NamedRelation[] {
  const { kind, node } = found
  const direct = [node.relation, node.view, node.sequence, node.table, node.typevar].flatMap(relationOf)
  const into = isObject(node.into) ? relationOf(node.into.rel) : []
  const base = isObject(node.base) ? relationOf(node.base.relation) : []
  const listed = ['relations', 'objects', 'rels', 'tables'].flatMap((field) =>
    (Array.isArray(node[field]) ? (node[field] as unknown[]) : []).flatMap((item) => relationFromItem(item, node)),
  )
  const owner = node.object === undefined ? [] : relationFromItem(node.object, node)
  return kind === 'GrantStmt' && node.objtype !== 'OBJECT_TABLE'
    ? []
    : [...direct, ...into, ...base, ...listed, ...owner]
}

const RELATION_OBJECTS = [
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
  'OBJECT_FOREIGN_TABLE',
]

function relationFromItem(item: unknown, statement: NodeFields): readonly NamedRelation[] {
  if (!isObject(item)) return []
  if (item.RangeVar !== undefined) return relationOf(item.RangeVar)
  if (isObject(item.VacuumRelation)) return relationOf(item.VacuumRelation.relation)
  const list = isObject(item.List) && Array.isArray(item.List.items) ? item.List.items.map(nameOf) : undefined
  if (list === undefined) return []
  const type = String(statement.removeType ?? statement.objtype ?? '')
  // A trigger, rule, policy, column or constraint is named after its table.
  const parts = RELATION_OBJECTS.includes(type) ? list : list.slice(0, -1)
  const isOnTable = [
    'OBJECT_TRIGGER',
    'OBJECT_RULE',
    'OBJECT_POLICY',
    'OBJECT_COLUMN',
    'OBJECT_TABCONSTRAINT',
  ].includes(type)
  if (!RELATION_OBJECTS.includes(type) && !isOnTable) return []
  const name = parts.at(-1)
  return name === undefined ? [] : [{ schema: parts.at(-2), name }]
}

/** Every relation that a definition mentions, as its object or by the way (REFERENCES, INHERIT, LIKE). */
export function mentionedRelations(root: SyntaxNode): readonly NamedRelation[] {
  return [...walkTree(root)].flatMap(({ kind, node }) => (kind === 'RangeVar' ? relationOf(node) : []))
}

function relationOf(range: unknown): readonly NamedRelation[] {
  if (!isObject(range) || typeof range.relname !== 'string') return []
  return [{ schema: typeof range.schemaname === 'string' ? range.schemaname : undefined, name: range.relname }]
}

function nameOf(item: unknown): string {
  return isObject(item) && isObject(item.String) ? String(item.String.sval ?? '') : ''
}

function hasCondition(node: NodeFields): boolean {
  if (node.whereClause === undefined) return false
  const where = unwrap(node.whereClause)
  return !(where.kind === 'A_Const' && isObject(where.node.boolval) && where.node.boolval.boolval === true)
}

function updatesOnConflict(insert: NodeFields): boolean {
  return isObject(insert.onConflictClause) && insert.onConflictClause.action === 'ONCONFLICT_UPDATE'
}

function listOf(parent: SyntaxNode, field: string): SyntaxNode[] {
  const list = parent.node[field]
  return Array.isArray(list) ? list.map((item) => unwrap(item, parent, field)) : []
}
