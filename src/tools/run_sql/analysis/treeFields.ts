import { type TreeNode, type TreeNumbers, type TreeValue, UnreadableTree } from './readNodeTree.ts'

/** Typed access to the fields of a node. A field that is absent or of another kind throws: nothing has a default. */

export function isNode(value: TreeValue | undefined): value is TreeNode {
  return typeof value === 'object' && value !== null && 'tag' in value
}

export function isNumbers(value: TreeValue | undefined): value is TreeNumbers {
  return typeof value === 'object' && value !== null && 'numbers' in value
}

/** The value of a field that must be there, `<>` as null. */
export function field(node: TreeNode, name: string): TreeValue {
  const value = node.fields.get(name)
  if (value === undefined) throw new UnreadableTree(`${node.tag} without ${name}`)
  return value
}

export function numberField(node: TreeNode, name: string): number {
  const value = field(node, name)
  if (typeof value !== 'string' || !/^-?\d{1,10}$/.test(value)) throw new UnreadableTree(`${node.tag}.${name}`)
  return Number(value)
}

export function flagField(node: TreeNode, name: string): boolean {
  const value = field(node, name)
  if (value !== 'true' && value !== 'false') throw new UnreadableTree(`${node.tag}.${name}`)
  return value === 'true'
}

export function nodeField(node: TreeNode, name: string): TreeNode {
  const value = field(node, name)
  if (!isNode(value)) throw new UnreadableTree(`${node.tag}.${name}`)
  return value
}

/** A list of nodes; `<>` is the empty list. */
export function nodesField(node: TreeNode, name: string): readonly TreeNode[] {
  return nodesIn(field(node, name), `${node.tag}.${name}`)
}

export function nodesIn(value: TreeValue, where: string): readonly TreeNode[] {
  if (value === null) return []
  if (!Array.isArray(value) || !value.every(isNode)) throw new UnreadableTree(where)
  return value as readonly TreeNode[]
}

/** A list of OIDs or integers, or a bitmap set; `<>` is the empty one. */
export function numbersField(node: TreeNode, name: string): readonly number[] {
  const value = field(node, name)
  if (value === null) return []
  if (!isNumbers(value)) throw new UnreadableTree(`${node.tag}.${name}`)
  return value.numbers
}

/** The element at a one-based position. */
export function at<T>(list: readonly T[], position: number, what: string): T {
  const item = list[position - 1]
  if (item === undefined) throw new UnreadableTree(`${what} ${position} of ${list.length}`)
  return item
}

/** The bytes of a constant, undefined for NULL. */
export function bytesOf(node: TreeNode): readonly number[] | undefined {
  const value = field(node, 'constvalue')
  return value !== null && typeof value === 'object' && 'bytes' in value ? value.bytes : undefined
}

/** A list of String nodes. */
export function textsField(node: TreeNode, name: string): readonly string[] {
  const value = field(node, name)
  const texts = (Array.isArray(value) ? value : []).map((item: TreeValue) =>
    item !== null && typeof item === 'object' && 'text' in item ? item.text : undefined,
  )
  if (texts.length === 0 || texts.includes(undefined)) throw new UnreadableTree(`${node.tag}.${name}`)
  return texts as readonly string[]
}
