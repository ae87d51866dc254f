import { describe, expect, test } from 'vitest'
import { removesDuplicates, returnsSet } from '../../../../src/tools/run_sql/analysis/queryParts.ts'
import { readNodeTree } from '../../../../src/tools/run_sql/analysis/readNodeTree.ts'

describe('parts of a query', () => {
  test('an expression that may give several rows is one, however deep the function is', () => {
    const call = (returnsRows: boolean): string => `{FUNCEXPR :funcid 1 :funcretset ${returnsRows} :args <>}`
    expect(returnsSet(readNodeTree(`{TARGETENTRY :expr {RELABELTYPE :arg ${call(true)}}}`))).toBe(true)
    expect(returnsSet(readNodeTree(`{TARGETENTRY :expr {RELABELTYPE :arg ${call(false)}}}`))).toBe(false)
    expect(returnsSet(readNodeTree('{OPEXPR :opretset true :args <>}'))).toBe(true)
    expect(returnsSet(readNodeTree(`{SUBLINK :testexpr ${call(true)}}`))).toBe(false)
  })

  test('only UNION ALL compares no rows', () => {
    const arms = (op: number, all: boolean, larg = '{RANGETBLREF :rtindex 1}'): string =>
      `{SETOPERATIONSTMT :op ${op} :all ${all} :larg ${larg} :rarg {RANGETBLREF :rtindex 2}}`
    expect(removesDuplicates(readNodeTree(arms(1, true)))).toBe(false)
    expect(removesDuplicates(readNodeTree(arms(1, false)))).toBe(true)
    expect(removesDuplicates(readNodeTree(arms(2, true)))).toBe(true)
    expect(removesDuplicates(readNodeTree(arms(3, true)))).toBe(true)
    expect(removesDuplicates(readNodeTree(arms(1, true, arms(1, false))))).toBe(true)
    expect(removesDuplicates(null)).toBe(false)
  })
})
