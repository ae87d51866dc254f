/**
 * Reads the text form of `pg_node_tree` (PostgreSQL's nodeToString, outfuncs.c), which is how the server stores an
 * analysed query.
 *
 * The reader is positional: a field name is only looked for where a field name must stand, so an identifier such as
 * `":varattno"` or `"})"` is a value like any other. Anything that does not fit the grammar throws: a tree that is not
 * read completely is not read at all.
 */

/** A node: its tag, and its fields by name. */
export interface TreeNode {
  readonly tag: string
  readonly fields: ReadonlyMap<string, TreeValue>
}

/** A bare token. `<>` (no value) is null instead; a token that was written with quotes around it is a `text`. */
export type TreeValue = null | string | TreeText | TreeNumbers | TreeBytes | readonly TreeValue[] | TreeNode

/** A String node, as in lists of column names. */
interface TreeText {
  readonly text: string
}

/** A list of integers, OIDs or transaction ids, or the members of a bitmap set. */
export interface TreeNumbers {
  readonly kind: 'i' | 'o' | 'x' | 'b'
  readonly numbers: readonly number[]
}

/** A Datum: the bytes of a constant in the server's own representation. */
interface TreeBytes {
  readonly bytes: readonly number[]
}

/** A tree that deviates from the grammar. Never reaches an agent as it is; analyze turns it into a refusal. */
export class UnreadableTree extends Error {
  override readonly name = 'UnreadableTree'
}

/** Deeper nesting than this is refused; the JavaScript stack holds several times as much. */
const MAX_DEPTH = 2_000

/** Parses one complete value and requires that nothing follows it. */
export function readNodeTree(source: string): TreeValue {
  let position = 0
  let depth = 0

  const fail = (what: string): never => {
    throw new UnreadableTree(`${what} at offset ${position}`)
  }
  const skipSpace = (): void => {
    while (isSpace(source[position])) position++
  }

  /** A run of characters up to an unescaped delimiter, with the escapes taken out. */
  const readToken = (): { text: string; raw: string } => {
    skipSpace()
    const start = position
    let text = ''
    while (position < source.length) {
      const char = source[position] as string
      if (char === '\\') {
        if (position + 1 >= source.length) fail('a backslash at the end')
        text += source[position + 1]
        position += 2
      } else if (isSpace(char) || char === '(' || char === ')' || char === '{' || char === '}') {
        break
      } else {
        text += char
        position++
      }
    }
    if (position === start) fail('a missing token')
    return { text, raw: source.slice(start, position) }
  }

  const readValue = (): TreeValue => {
    skipSpace()
    if (position >= source.length) fail('an unexpected end')
    if (source[position] === '{') return readNode()
    if (source[position] === '(') return readList()
    const { text, raw } = readToken()
    if (raw === '<>') return null
    return raw === '""' ? '' : text
  }

  /** In a list a quoted token is a String node; as a field's value, quotes alone stand for the empty string. */
  const readItem = (): TreeValue => {
    skipSpace()
    if (source[position] !== '"') return readValue()
    const { text, raw } = readToken()
    if (text.length < 2 || !raw.endsWith('"')) fail('an unclosed string')
    return { text: text.slice(1, -1) }
  }

  const readList = (): TreeValue => {
    enter()
    position++
    const kind = source[position]
    const after = source[position + 1]
    if (isNumberKind(kind) && (isSpace(after) || after === ')')) {
      position++
      const numbers: number[] = []
      for (skipSpace(); source[position] !== ')'; skipSpace()) {
        const { text } = readToken()
        if (!/^-?\d{1,10}$/.test(text)) fail('a list of numbers with something else in it')
        numbers.push(Number(text))
      }
      position++
      depth--
      return { kind, numbers }
    }
    const items: TreeValue[] = []
    for (skipSpace(); source[position] !== ')'; skipSpace()) items.push(readItem())
    position++
    depth--
    return items
  }

  const readNode = (): TreeNode => {
    enter()
    position++
    const tag = readToken().raw
    if (!/^[A-Z0-9_]+$/.test(tag)) fail('a node without a tag')
    const fields = new Map<string, TreeValue>()
    for (skipSpace(); source[position] !== '}'; skipSpace()) {
      const name = readToken().raw
      if (!/^:[A-Za-z0-9_]+$/.test(name)) fail('a missing field name')
      if (fields.has(name.slice(1))) fail('a field that is there twice')
      fields.set(name.slice(1), name === ':constvalue' ? readDatum() : readValue())
    }
    position++
    depth--
    return { tag, fields }
  }

  /** `<>`, or the length and the bytes: `4 [ 1 0 0 0 0 0 0 0 ]`. */
  const readDatum = (): TreeValue => {
    if (readToken().raw === '<>') return null
    if (readToken().raw !== '[') fail('a constant without bytes')
    const bytes: number[] = []
    for (let { raw } = readToken(); raw !== ']'; { raw } = readToken()) {
      if (!/^-?\d{1,3}$/.test(raw)) fail('a constant with something else in its bytes')
      bytes.push(Number(raw) & 0xff)
    }
    return { bytes }
  }

  const enter = (): void => {
    depth++
    if (depth > MAX_DEPTH) fail('too much nesting')
  }

  const tree = readValue()
  skipSpace()
  if (position < source.length) fail('text after the tree')
  return tree
}

const isSpace = (char: string | undefined): boolean => char === ' ' || char === '\n' || char === '\t'

const isNumberKind = (char: string | undefined): char is TreeNumbers['kind'] =>
  char === 'i' || char === 'o' || char === 'x' || char === 'b'
