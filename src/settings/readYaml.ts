import { readFile } from 'node:fs/promises'
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, visit, type YAMLError } from 'yaml'
import { ConfigError, type Place, type Problem, stopOn } from './configError.ts'

/** Larger than any file a person maintains; without it a mistaken path could fill the memory. */
const MAX_BYTES = 1024 * 1024
const MAX_ALIASES = 100

type Path = readonly PropertyKey[]

/** A YAML file that was read strictly, and where everything in it stands. */
export interface YamlFile {
  readonly file: string
  readonly value: unknown
  /** Where the value at `path` begins; for something that is missing, the key (or list item) that should hold it. */
  placeOf(path: Path): Place
  /** Where the key at the end of `path` stands. */
  placeOfKey(path: Path): Place
}

/**
 * Reads one YAML 1.2 document. Refused, because each has let two readers see two things: duplicate keys, keys that are
 * not text, unknown tags, several documents, `%YAML 1.1`, alias bombs, bytes that are not UTF-8.
 * Throws a ConfigError with every problem. Messages never repeat text from the file: it may be a misplaced secret.
 */
export async function readYaml(file: string): Promise<YamlFile> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    return refuse(file, code === 'ENOENT' ? 'no such file' : `the file cannot be read (${code})`)
  }
  if (bytes.length > MAX_BYTES) return refuse(file, 'the file is larger than 1 MiB')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return refuse(file, 'the file is not valid UTF-8')
  }
  return parseYaml(text, file)
}

/** The same for text that is already in memory; `file` is only its name in messages. */
export function parseYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    version: '1.2',
    schema: 'core',
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    strict: true,
    uniqueKeys: true,
  })
  const at = (offset: number): Place => {
    // The counter starts with the first line that it saw: an empty file has none.
    const { line, col } = text.length === 0 ? { line: 1, col: 1 } : lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }

  const [document, second] = 'empty' in documents ? [] : documents
  if (document === undefined) return refuse(file, 'the file is empty')

  const problems: Problem[] = [...document.errors, ...document.warnings].map((error) => ({
    ...at(error.pos[0]),
    message: sentenceFor(error),
  }))
  if (second !== undefined) {
    problems.push({ ...at(second.range[0]), message: 'one document per file: remove the "---" and what follows it' })
  }
  if (document.directives.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    problems.push({ file, line: 1, column: 1, message: 'YAML 1.2 is the only version that is read here' })
  }
  visit(document, {
    Alias(_, alias) {
      // Anchors count from where they stand: an alias before its anchor, or inside it, means nothing.
      if (alias.resolve(document) === undefined) {
        problems.push({ ...at(offsetOf(alias)), message: 'no anchor (&name) before this alias has its name' })
      }
    },
    Pair(_, pair) {
      // Plain JavaScript objects come out of this: such a key would be lost, or worse.
      if (isScalar(pair.key) && pair.key.value === '__proto__') {
        problems.push({ ...at(offsetOf(pair.key)), message: 'this key is not allowed' })
      }
    },
  })
  stopOn(withoutRepeats(problems))

  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch {
    return refuse(file, 'the aliases (*name) of this file expand to far too much')
  }

  const root: Node | null = document.contents
  const child = (node: unknown, segment: PropertyKey): { key: unknown; value: unknown } | undefined => {
    const target = isAlias(node) ? node.resolve(document) : node
    if (isMap(target)) {
      const pair = target.items.find(({ key }) => isScalar(key) && key.value === String(segment))
      return pair === undefined ? undefined : { key: pair.key, value: pair.value ?? pair.key }
    }
    if (isSeq(target)) {
      const item = target.items[Number(segment)]
      return item === undefined ? undefined : { key: item, value: item }
    }
    return undefined
  }
  const locate = (path: Path, end: 'key' | 'value'): Place => {
    let found: { key: unknown; value: unknown } = { key: root, value: root }
    for (const segment of path) {
      const next = child(found.value, segment)
      if (next === undefined) return found.value === root ? at(0) : at(offsetOf(found.key))
      found = next
    }
    return at(offsetOf(found[end]))
  }
  return {
    file,
    value,
    placeOf: (path) => locate(path, 'value'),
    placeOfKey: (path) => locate(path, 'key'),
  }
}

function refuse(file: string, message: string): never {
  throw new ConfigError([{ file, line: 1, column: 1, message }])
}

function offsetOf(node: unknown): number {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
  return Array.isArray(range) ? Number(range[0]) : 0
}

function sentenceFor({ code, message }: YAMLError): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key is already in the mapping; a key may appear once'
    case 'TAG_RESOLVE_FAILED':
    case 'BAD_COLLECTION_TYPE':
      return 'tags (!name) are not used here, or the value does not fit its tag'
    case 'NON_STRING_KEY':
      return 'a key must be plain text'
    case 'TAB_AS_INDENT':
      return 'a tab indents this line; YAML indents with spaces'
    case 'BAD_INDENT':
      return 'this line is indented differently from the ones it belongs to'
    case 'RESOURCE_EXHAUSTION':
      return 'this is nested far too deep'
    case 'MULTILINE_IMPLICIT_KEY':
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'not valid YAML here; a ":" is missing, or a text with ": " in it needs quotes'
    case 'MISSING_CHAR':
      // These messages name punctuation, never content.
      return `not valid YAML here: ${message}`
    default:
      return `not valid YAML here (${code}); texts with special characters need quotes`
  }
}

/** The parser may report one mistake twice. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()]
}
