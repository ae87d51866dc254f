/**
 * Every node that an analysed query may contain on PostgreSQL 15 to 18, and what each of its fields is. A node or a
 * field that is not here stops the analysis: what is unknown could carry a value or call a function.
 *
 * Source: nodes/primnodes.h and nodes/parsenodes.h of the four majors; test/tools/run_sql/analysis/nodeShapes.test.ts
 * compares with what the servers write.
 */
export interface NodeShape {
  /** Fields that hold nodes. */
  readonly nodes: ReadonlySet<string>
  /** Fields that hold the OID of a function that runs. */
  readonly functions: readonly string[]
  /** Fields that hold the OIDs of operators that run. */
  readonly operators: readonly string[]
  /** Fields that hold the OID of a type that a value is converted to, by its input function or its constraints. */
  readonly conversions: readonly string[]
  /** Fields that hold the OID of a type of a value that exists; its output function may run. */
  readonly types: readonly string[]
  readonly all: ReadonlySet<string>
}

const NODE_SHAPES = new Map<string, NodeShape>()

/** The shape of a node, undefined when it is not known. */
export function shapeOf(tag: string): NodeShape | undefined {
  return NODE_SHAPES.get(tag)
}

interface Roles {
  readonly nodes?: string
  readonly functions?: string
  readonly operators?: string
  readonly conversions?: string
  readonly types?: string
  /** Numbers, flags, names: nothing flows through them. */
  readonly plain?: string
}

function define(tag: string, roles: Roles): void {
  const lists = [roles.nodes, roles.functions, roles.operators, roles.conversions, roles.types, roles.plain].map(
    (list) => list?.split(' ') ?? [],
  )
  const [nodes = [], functions = [], operators = [], conversions = [], types = []] = lists
  NODE_SHAPES.set(tag, {
    nodes: new Set(nodes),
    functions,
    operators,
    conversions,
    types,
    all: new Set([...lists.flat(), 'location']),
  })
}

// Values
define('VAR', {
  types: 'vartype',
  plain: 'varno varattno vartypmod varcollid varnullingrels varlevelsup varreturningtype varnosyn varattnosyn',
})
define('CONST', {
  conversions: 'consttype',
  plain: 'consttypmod constcollid constlen constbyval constisnull constvalue',
})
define('PARAM', { types: 'paramtype', plain: 'paramkind paramid paramtypmod paramcollid' })
define('SQLVALUEFUNCTION', { plain: 'op type typmod' })
define('CASETESTEXPR', { types: 'typeId', plain: 'typeMod collation' })
define('COERCETODOMAINVALUE', { types: 'typeId', plain: 'typeMod collation' })
define('SETTODEFAULT', { types: 'typeId', plain: 'typeMod collation' })
define('MERGESUPPORTFUNC', { plain: 'msftype msfcollid' })
define('GROUPINGFUNC', { nodes: 'args', plain: 'refs cols agglevelsup' })

// Calls
define('FUNCEXPR', {
  nodes: 'args',
  functions: 'funcid',
  conversions: 'funcresulttype',
  plain: 'funcretset funcvariadic funcformat funccollid inputcollid',
})
define('AGGREF', {
  nodes: 'aggdirectargs args aggorder aggdistinct aggfilter',
  functions: 'aggfnoid',
  types: 'aggtype',
  plain:
    'aggcollid inputcollid aggtranstype aggargtypes aggstar aggvariadic aggkind aggpresorted agglevelsup aggsplit aggno aggtransno',
})
define('WINDOWFUNC', {
  nodes: 'args aggfilter runCondition',
  functions: 'winfnoid',
  types: 'wintype',
  plain: 'wincollid inputcollid winref winstar winagg',
})
for (const tag of ['OPEXPR', 'DISTINCTEXPR', 'NULLIFEXPR']) {
  define(tag, {
    nodes: 'args',
    functions: 'opfuncid',
    operators: 'opno',
    types: 'opresulttype',
    plain: 'opretset opcollid inputcollid',
  })
}
define('SCALARARRAYOPEXPR', {
  nodes: 'args',
  functions: 'opfuncid hashfuncid negfuncid',
  operators: 'opno',
  plain: 'useOr inputcollid',
})
define('ROWCOMPAREEXPR', {
  nodes: 'largs rargs',
  operators: 'opnos',
  plain: 'rctype cmptype opfamilies inputcollids',
})
define('NAMEDARGEXPR', { nodes: 'arg', plain: 'name argnumber' })

// Conversions
define('RELABELTYPE', { nodes: 'arg', types: 'resulttype', plain: 'resulttypmod resultcollid relabelformat' })
define('COERCEVIAIO', { nodes: 'arg', conversions: 'resulttype', plain: 'resultcollid coerceformat' })
define('ARRAYCOERCEEXPR', {
  nodes: 'arg elemexpr',
  types: 'resulttype',
  plain: 'resulttypmod resultcollid coerceformat',
})
define('CONVERTROWTYPEEXPR', { nodes: 'arg', types: 'resulttype', plain: 'convertformat' })
define('COERCETODOMAIN', { nodes: 'arg', conversions: 'resulttype', plain: 'resulttypmod resultcollid coercionformat' })
define('COLLATEEXPR', { nodes: 'arg', plain: 'collOid' })

// Compositions
define('BOOLEXPR', { nodes: 'args', plain: 'boolop' })
define('CASEEXPR', { nodes: 'arg args defresult', types: 'casetype', plain: 'casecollid' })
define('CASEWHEN', { nodes: 'expr result' })
define('COALESCEEXPR', { nodes: 'args', types: 'coalescetype', plain: 'coalescecollid' })
define('MINMAXEXPR', { nodes: 'args', types: 'minmaxtype', plain: 'minmaxcollid inputcollid op' })
define('NULLTEST', { nodes: 'arg', plain: 'nulltesttype argisrow' })
define('BOOLEANTEST', { nodes: 'arg', plain: 'booltesttype' })
define('ARRAYEXPR', {
  nodes: 'elements',
  types: 'array_typeid element_typeid',
  plain: 'array_collid multidims list_start list_end',
})
define('ROWEXPR', { nodes: 'args', types: 'row_typeid', plain: 'row_format colnames' })
define('FIELDSELECT', { nodes: 'arg', types: 'resulttype', plain: 'fieldnum resulttypmod resultcollid' })
define('FIELDSTORE', { nodes: 'arg newvals', types: 'resulttype', plain: 'fieldnums' })
define('SUBSCRIPTINGREF', {
  nodes: 'refupperindexpr reflowerindexpr refexpr refassgnexpr',
  types: 'refcontainertype refelemtype refrestype',
  plain: 'reftypmod refcollid',
})
define('SUBLINK', { nodes: 'testexpr subselect', plain: 'subLinkType subLinkId operName' })

// XML and JSON
define('XMLEXPR', { nodes: 'named_args args', plain: 'op name arg_names xmloption indent type typmod' })
define('JSONFORMAT', { plain: 'format_type encoding' })
define('JSONRETURNING', { nodes: 'format', conversions: 'typid', plain: 'typmod' })
define('JSONVALUEEXPR', { nodes: 'raw_expr formatted_expr format' })
define('JSONCONSTRUCTOREXPR', { nodes: 'args func coercion returning', plain: 'type absent_on_null unique' })
define('JSONISPREDICATE', { nodes: 'expr format', plain: 'item_type unique_keys' })
define('JSONBEHAVIOR', { nodes: 'expr', plain: 'btype coerce' })
define('JSONEXPR', {
  nodes: 'formatted_expr format path_spec returning passing_values on_empty on_error',
  plain: 'op column_name passing_names use_io_coercion use_json_coercion wrapper omit_quotes collation',
})
define('JSONTABLEPATH', { nodes: 'value', plain: 'name' })
define('JSONTABLEPATHSCAN', { nodes: 'path child', plain: 'errorOnError colMin colMax' })
define('JSONTABLESIBLINGJOIN', { nodes: 'lplan rplan' })

// Clauses
define('TARGETENTRY', { nodes: 'expr', plain: 'resno resname ressortgroupref resorigtbl resorigcol resjunk' })
define('SORTGROUPCLAUSE', { operators: 'eqop sortop', plain: 'tleSortGroupRef reverse_sort nulls_first hashable' })
define('GROUPINGSET', { nodes: 'content', plain: 'kind' })
define('WINDOWCLAUSE', {
  nodes: 'partitionClause orderClause startOffset endOffset runCondition',
  functions: 'startInRangeFunc endInRangeFunc',
  plain: 'name refname frameOptions inRangeColl inRangeAsc inRangeNullsFirst winref copiedOrder',
})
define('ROWMARKCLAUSE', { plain: 'rti strength waitPolicy pushedDown' })
define('INFERENCEELEM', { nodes: 'expr', plain: 'infercollid inferopclass' })
define('ONCONFLICTEXPR', {
  nodes: 'arbiterElems arbiterWhere onConflictSet onConflictWhere exclRelTlist',
  plain: 'action constraint exclRelIndex',
})
define('MERGEACTION', { nodes: 'qual targetList', plain: 'matched matchKind commandType override updateColnos' })
define('SETOPERATIONSTMT', { nodes: 'larg rarg groupClauses', plain: 'op all colTypes colTypmods colCollations' })
define('TABLESAMPLECLAUSE', { nodes: 'args repeatable', functions: 'tsmhandler' })
define('TABLEFUNC', {
  nodes: 'ns_uris docexpr rowexpr colexprs coldefexprs colvalexprs passingvalexprs plan',
  conversions: 'coltypes',
  plain: 'functype ns_names colnames coltypmods colcollations notnulls ordinalitycol',
})
define('RANGETBLFUNCTION', {
  nodes: 'funcexpr',
  conversions: 'funccoltypes',
  plain: 'funccolcount funccolnames funccoltypmods funccolcollations funcparams',
})
define('COMMONTABLEEXPR', {
  nodes: 'ctequery search_clause cycle_clause',
  plain:
    'ctename aliascolnames ctematerialized cterecursive cterefcount ctecolnames ctecoltypes ctecoltypmods ctecolcollations',
})
define('CTESEARCHCLAUSE', { plain: 'search_col_list search_breadth_first search_seq_column' })
define('CTECYCLECLAUSE', {
  nodes: 'cycle_mark_value cycle_mark_default',
  operators: 'cycle_mark_neop',
  plain: 'cycle_col_list cycle_mark_column cycle_path_column cycle_mark_type cycle_mark_typmod cycle_mark_collation',
})
define('ALIAS', { plain: 'aliasname colnames' })

// FROM
define('FROMEXPR', { nodes: 'fromlist quals' })
define('JOINEXPR', {
  nodes: 'larg rarg quals',
  plain: 'jointype isNatural usingClause join_using_alias alias rtindex',
})
define('RANGETBLREF', { plain: 'rtindex' })
define('RANGETBLENTRY', {
  nodes: 'subquery joinaliasvars functions tablefunc values_lists groupexprs tablesample securityQuals',
  plain:
    'alias eref rtekind relid relkind rellockmode lateral inh inFromCl requiredPerms checkAsUser selectedCols insertedCols updatedCols extraUpdatedCols perminfoindex jointype joinmergedcols joinleftcols joinrightcols join_using_alias security_barrier funcordinality coltypes coltypmods colcollations ctename ctelevelsup self_reference',
})
define('RTEPERMISSIONINFO', {
  plain: 'relid inh requiredPerms checkAsUser selectedCols insertedCols updatedCols',
})
define('QUERY', {
  nodes:
    'cteList rtable rteperminfos jointree targetList onConflict returningList groupClause groupingSets havingQual windowClause distinctClause sortClause limitOffset limitCount rowMarks setOperations mergeActionList mergeJoinCondition',
  plain:
    'commandType querySource canSetTag resultRelation hasAggs hasWindowFuncs hasTargetSRFs hasSubLinks hasDistinctOn hasRecursive hasModifyingCTE hasForUpdate hasRowSecurity hasGroupRTE isReturn override groupDistinct limitOption constraintDeps mergeUseOuterJoin mergeTargetRelation returningOldAlias returningNewAlias stmt_location stmt_len utilityStmt withCheckOptions',
})
