import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isKnownKind, listKinds } from '../../../../src/tools/run_sql/syntax/nodeKinds.ts'
import { QUERY_KINDS, STATEMENT_KINDS } from '../../../../src/tools/run_sql/syntax/statementKinds.ts'
import { unwrap, walkTree } from '../../../../src/tools/run_sql/syntax/walkTree.ts'

/** Statements that no client can send: parts of others, or of PL/pgSQL. */
const NOT_SENT = [
  'RawStmt',
  'SetOperationStmt',
  'ReturnStmt',
  'PLAssignStmt',
  'AlterTableSpaceOptionsStmt',
  'ReplicaIdentityStmt',
]

/** Interfaces of the parser's type declarations: their fields that hold nodes, by type. */
function declaredKinds(major: 16 | 17 | 18): Map<string, Map<string, string>> {
  const parser = createRequire(import.meta.url).resolve(`pq${major}`)
  const types = createRequire(parser).resolve('@pgsql/types')
  const text = readFileSync(join(dirname(types), 'types.d.ts'), 'utf8')
  const names = new Set([...text.matchAll(/export interface (\w+) \{/g)].map((match) => match[1]))
  const kinds = new Map<string, Map<string, string>>()
  for (const [, kind = '', body = ''] of text.matchAll(/export interface (\w+) \{([^}]*)\}/g)) {
    const fields = [...body.matchAll(/(\w+)\?: (\w+)(?:\[\])?;/g)].flatMap(([, field = '', type = '']) =>
      names.has(type) ? [[field, type] as const] : [],
    )
    kinds.set(kind, new Map(fields))
  }
  return kinds
}

describe.each([16, 17, 18] as const)('the table of node kinds against the parser of PostgreSQL %i', (major) => {
  const declared = declaredKinds(major)

  test('knows the type of every bare field of every kind it lets through', () => {
    const missing = [...listKinds()].flatMap(([kind, fields]) =>
      [...(declared.get(kind) ?? [])].flatMap(([field, type]) =>
        type === 'Node' || fields.get(field) === type || !isKnownKind(type) ? [] : [`${kind}.${field}: ${type}`],
      ),
    )
    expect(missing).toEqual([])
  })

  test('gives every statement of the grammar a meaning', () => {
    const statements = [...declared.keys()].filter((kind) => kind.endsWith('Stmt') && !NOT_SENT.includes(kind))
    const known = [...Object.keys(STATEMENT_KINDS), ...Object.keys(QUERY_KINDS), 'ExplainStmt', 'VariableShowStmt']
    expect(statements.filter((kind) => !known.includes(kind))).toEqual([])
  })
})

describe('walkTree', () => {
  test.each([
    ['an unknown kind', { SelectStmt: { targetList: [{ Novelty: {} }] } }],
    ['a kind that only analysis makes', { SelectStmt: { whereClause: { OpExpr: { opno: 96 } } } }],
    ['a bare node in a field without a known type', { SelectStmt: { surprise: { relname: 'users', inh: true } } }],
    ['a wrapper with two kinds', { SelectStmt: { whereClause: { A_Star: {}, FuncCall: {} } } }],
  ])('refuses %s at any depth', (_, tree) => {
    expect(() => [...walkTree(unwrap(tree))]).toThrow(expect.objectContaining({ code: 'ERR_SQL_NOT_UNDERSTOOD' }))
  })

  test('sees what stands in bare fields', () => {
    const tree = {
      InsertStmt: {
        relation: { relname: 't' },
        selectStmt: { SelectStmt: { larg: { fromClause: [{ RangeVar: { relname: 'u' } }] } } },
      },
    }
    const names = [...walkTree(unwrap(tree))].flatMap(({ kind, node }) => (kind === 'RangeVar' ? [node.relname] : []))
    expect(names).toEqual(['t', 'u'])
  })
})
