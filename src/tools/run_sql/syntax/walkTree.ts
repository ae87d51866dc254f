import { GateError } from '../../../errors.ts'
import { isKnownKind, kindOfField } from './nodeKinds.ts'

/** A node of the parser's tree: its fields, as the parser's JSON has them. */
export type NodeFields = Readonly<Record<string, unknown>>

export interface SyntaxNode {
  readonly kind: string
  readonly node: NodeFields
  readonly parent: SyntaxNode | undefined
  /** The field of the parent that leads here. */
  readonly field: string
}

/** `{ SelectStmt: { ... } }` as a node; anything else is not understood. */
export function unwrap(wrapped: unknown, parent?: SyntaxNode, field = ''): SyntaxNode {
  const entries = isObject(wrapped) ? Object.entries(wrapped) : []
  const [kind, node] = entries[0] ?? []
  // `List` and empty nodes aside, every wrapper has exactly one key and an object in it.
  if (entries.length !== 1 || kind === undefined || !isObject(node)) throw notUnderstood(kind ?? 'nothing')
  if (!isKnownKind(kind)) throw notUnderstood(kind)
  return { kind, node, parent, field }
}

/**
 * Every node of a tree, parents first, in the order of the text as far as the parser keeps it. Nothing is skipped: an
 * object that is neither a known kind nor a known field of one is refused. Needs no stack, so nesting cannot exhaust it.
 */
export function* walkTree(root: SyntaxNode): Generator<SyntaxNode> {
  const waiting: SyntaxNode[] = [root]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next
    waiting.push(...childrenOf(next).reverse())
  }
}

/** The nodes directly below this one. */
export function childrenOf(parent: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = []
  for (const [field, value] of Object.entries(parent.node)) {
    const concrete = kindOfField(parent.kind, field)
    for (const item of Array.isArray(value) ? value : [value]) {
      if (!isObject(item)) continue
      if (concrete !== undefined) children.push({ kind: concrete, node: item, parent, field })
      // The parser writes `{}` for a missing element of a list.
      else if (Object.keys(item).length > 0) children.push(unwrap(item, parent, field))
    }
  }
  return children
}

export function isObject(value: unknown): value is NodeFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function notUnderstood(kind: string): GateError {
  return new GateError('ERR_SQL_NOT_UNDERSTOOD', {
    detail: `The parser reports ${kind}, which this version does not know.`,
    facts: { node: kind },
  })
}
