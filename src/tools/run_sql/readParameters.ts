import { GateError } from '../../errors.ts'
import { checkText } from './checkText.ts'
import { type SyntaxNode, walkTree } from './syntax/walkTree.ts'

export type ParameterValue = string | number | boolean | null

/** The values of $1, $2, ... in the text form they are bound in. Throws when their number is not the one that is wanted. */
export function readParameters(params: readonly ParameterValue[], wanted: number): readonly (string | null)[] {
  if (params.length !== wanted) {
    throw new GateError('ERR_SQL_PARAMS', {
      detail: `The statement has ${wanted}, params has ${params.length}.`,
      facts: { wanted, given: params.length },
    })
  }
  checkText(params.map((value) => (value === null ? '' : String(value))).join('\n'), 'params')
  return params.map((value) => (value === null ? null : String(value)))
}

/** How many of $1, $2, ... a statement has. */
export function countParameters(root: SyntaxNode): number {
  let highest = 0
  for (const { kind, node } of walkTree(root)) {
    if (kind === 'ParamRef') highest = Math.max(highest, Number(node.number ?? 0))
  }
  return highest
}
