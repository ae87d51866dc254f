import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { collectReferences, noReferences } from '../../../../src/tools/run_sql/analysis/collectReferences.ts'
import { readNodeTree, type TreeNode, UnreadableTree } from '../../../../src/tools/run_sql/analysis/readNodeTree.ts'
import { field } from '../../../../src/tools/run_sql/analysis/treeFields.ts'

/** outfuncs.c, outToken: how the server escapes a string. */
function escapeToken(text: string): string {
  if (text === '') return '""'
  const head = /^[<"\d]|^[+-][\d.]/.test(text) ? '\\' : ''
  return head + text.replace(/[ \n\t(){}\\]/g, (char) => `\\${char}`)
}

const node = (source: string): TreeNode => readNodeTree(source) as TreeNode

describe('the reader of node trees', () => {
  test('names that look like syntax are values', () => {
    const hostile = fc.string({ unit: fc.constantFrom(...':varattno 10{}()"<>\\\n\t[]é+-.'), maxLength: 24 })
    fc.assert(
      fc.property(hostile, hostile, (first, second) => {
        const tree = node(
          `{ALIAS :aliasname ${escapeToken(first)} :colnames ("${second === '' ? '' : escapeToken(second)}")}`,
        )
        expect(field(tree, 'aliasname')).toBe(first)
        expect(field(tree, 'colnames')).toEqual([{ text: second }])
      }),
      { numRuns: 500 },
    )
  })

  test('reads lists of every kind, nothing, and the bytes of constants', () => {
    const tree = node('{CONST :a <> :b (i 1 -2) :c (o 3) :d (b) :e (({X}) <>) :constvalue 2 [ 1 -1 ]}')
    expect([...tree.fields.values()]).toEqual([
      null,
      { kind: 'i', numbers: [1, -2] },
      { kind: 'o', numbers: [3] },
      { kind: 'b', numbers: [] },
      [[{ tag: 'X', fields: new Map() }], null],
      { bytes: [1, 255] },
    ])
  })

  test.each([
    '',
    '{',
    '{A',
    '{A :b}',
    '{A :b 1',
    '{A b 1}',
    '{A :b 1 :b 2}',
    '{A :b (1}',
    '{A :b (i 1 x)}',
    '{A :constvalue 4 1 2}',
    '{A :constvalue 4 [ 1 2}',
    '{a :b 1}',
    '{A :b 1} {A :b 1}',
    '(",)',
    `${'('.repeat(5000)}`,
  ])('refuses what is not a tree: %s', (source) => {
    expect(() => readNodeTree(source)).toThrow(UnreadableTree)
  })

  test('a node or a field that is not known stops the analysis', () => {
    expect(() => collectReferences(node('{RELABELTYPE :arg {MYSTERY :x 1}}'), noReferences())).toThrow(/MYSTERY/)
    expect(() => collectReferences(node('{BOOLEXPR :boolop and :args <> :extra 1}'), noReferences())).toThrow(/extra/)
    expect(() => collectReferences(node('{RANGETBLENTRY :rtekind 7}'), noReferences())).toThrow(/kind 7/)
  })
})
