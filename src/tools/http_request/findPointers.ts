import type { Json } from '../../call.ts'

/** What a value at a JSON pointer is called in rules: RFC 6901, where `*` stands for any key or index, `**` for any depth. */
export const POINTER_RULE = /^(?:\/(?:[^~/]|~[01])*)+$/

const unescaped = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~')

const tokensOf = (pointer: string): readonly string[] => pointer.split('/').slice(1).map(unescaped)

const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** One path through a document may be as long as all of it: a longer pointer is no member that people have named. */
const MAX_POINTER = 4_096
/** All pointers together, for each character of the document: a long key above many members counts for each of them. */
const MAX_GROWTH = 8
const ALWAYS_ROOM = 64 * 1024
/** Of what is hidden; each takes time, and so many would not be shown anyway. */
const MOST_FOUND = 65_536

export interface FoundPointer {
  readonly pointer: string
  readonly rule: string
}

/**
 * The RFC 6901 pointers in `value` that any of the rules names, each once, with the rule that names it. Undefined when
 * there are too many, or they would be far longer than the document, which has `size` characters as text.
 */
export function findPointers(value: Json, rules: readonly string[], size: number): readonly FoundPointer[] | undefined {
  const found: FoundPointer[] = []
  let room = roomFor(size)
  const visit = (inner: Json, path: Path, state: State): boolean => {
    if (state.rule !== undefined) {
      // Replaced whole: what is inside needs no mark of its own.
      room -= path.length
      if (path.length > MAX_POINTER || room < 0 || found.length === MOST_FOUND) return false
      found.push({ pointer: pointerOf(path), rule: state.rule })
      return true
    }
    if (inner === null || typeof inner !== 'object' || state.isDead) return true
    for (const key in inner) {
      const next = state.next(key)
      const member = (inner as { readonly [name: string]: Json })[key] as Json
      if (!next.isDead && !visit(member, { above: path, key, length: path.length + key.length + 1 }, next)) return false
    }
    return true
  }
  return visit(value, ROOT, openStates()(rules.map((rule) => ({ rule, tokens: rule.split('/').slice(1) }))))
    ? found
    : undefined
}

function roomFor(size: number): number {
  return size * MAX_GROWTH + ALWAYS_ROOM
}

/** Where a value stands; written out only when somebody asks for it. */
interface Path {
  readonly above: Path | undefined
  readonly key: string
  /** Of the pointer, before escapes. */
  readonly length: number
}

const ROOT: Path = { above: undefined, key: '', length: 0 }

function pointerOf(path: Path): string {
  const tokens: string[] = []
  for (let at = path; at.above !== undefined; at = at.above) tokens.unshift(`/${escaped(at.key)}`)
  return tokens.join('')
}

interface Rest {
  readonly rule: string
  readonly tokens: readonly string[]
}

/** How much of the rules is still to be met below some place. There are few, however many places a document has. */
interface State {
  /** The rule that names this place. */
  readonly rule: string | undefined
  /** No rule names anything from here on. */
  readonly isDead: boolean
  next(key: string): State
}

function openStates(): (rests: readonly Rest[]) => State {
  const known = new Map<string, State>()
  const stateOf = (rests: readonly Rest[]): State => {
    const here = new Map(
      rests
        .flatMap(({ rule, tokens }) => unfold(rule, tokens))
        .map((rest) => [JSON.stringify([rest.rule, rest.tokens.length]), rest]),
    )
    const name = [...here.keys()].join()
    const state = known.get(name) ?? makeState([...here.values()])
    known.set(name, state)
    return state
  }
  const makeState = (here: readonly Rest[]): State => {
    const named = new Set(here.flatMap(({ tokens: [first] }) => (first === undefined ? [] : [unescaped(first)])))
    const nexts = new Map<string | undefined, State>()
    return {
      rule: here.find(({ tokens }) => tokens.length === 0)?.rule,
      isDead: here.length === 0,
      next(key) {
        const told = named.has(key) ? key : undefined
        const next = nexts.get(told) ?? stateOf(advance(here, told))
        nexts.set(told, next)
        return next
      },
    }
  }
  return stateOf
}

/** What is left below a key; undefined stands for any that no rule names. */
function advance(here: readonly Rest[], key: string | undefined): readonly Rest[] {
  return here.flatMap(({ rule, tokens: [first, ...rest] }): Rest[] => {
    if (first === undefined) return []
    if (first === '**') return [{ rule, tokens: [first, ...rest] }]
    return first === '*' || (key !== undefined && unescaped(first) === key) ? [{ rule, tokens: rest }] : []
  })
}

/** `**` may also stand for nothing. */
function unfold(rule: string, tokens: readonly string[]): Rest[] {
  const [first, ...rest] = tokens
  return first === '**' ? [{ rule, tokens }, ...unfold(rule, rest)] : [{ rule, tokens }]
}

/**
 * The values at one exact pointer, as readers that do not tell upper from lower case might find them: `exact` is the one
 * that RFC 6901 means, `alike` is every value whose keys differ from it in case only, `exact` included.
 */
export function readPointer(
  value: Json,
  pointer: string,
): { readonly exact: Json | undefined; readonly alike: readonly Json[] } {
  let exact: Json | undefined = value
  let alike: readonly Json[] = [value]
  for (const token of tokensOf(pointer)) {
    const wanted = fold(token)
    // Not `hasOwn`: a list has a length of its own.
    const members: ReadonlyMap<string, Json> = new Map(isObject(exact) ? Object.entries(exact) : [])
    exact = members.get(token)
    alike = alike.flatMap((each) =>
      isObject(each) ? Object.entries(each).flatMap(([key, inner]) => (fold(key) === wanted ? [inner] : [])) : [],
    )
  }
  return { exact, alike }
}

const fold = (text: string): string => text.toUpperCase().toLowerCase()

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null
}

/**
 * Where a value has something in it: the pointers of its scalars and of its empty lists and objects, each once, with `*`
 * for every index of a list. Undefined when they would be far longer than the document, which has `size` characters.
 */
export function leafPointers(value: Json, size: number): readonly string[] | undefined {
  const found: string[] = []
  let room = roomFor(size)
  // All values that have the same pointer at once, so that no pointer is met twice.
  const visit = (values: readonly Json[], path: Path): boolean => {
    const members = new Map<string, Json[]>()
    let isLeaf = false
    for (const inner of values) {
      const entries = isObject(inner) ? Object.entries(inner) : []
      if (entries.length === 0) isLeaf = true
      for (const [key, member] of entries) {
        const token = Array.isArray(inner) ? '*' : key
        const others = members.get(token)
        if (others === undefined) members.set(token, [member])
        else others.push(member)
      }
    }
    if (isLeaf) {
      room -= path.length
      if (path.length > MAX_POINTER || room < 0) return false
      found.push(pointerOf(path))
    }
    return [...members].every(([key, inside]) =>
      visit(inside, { above: path, key, length: path.length + key.length + 1 }),
    )
  }
  return visit([value], ROOT) ? found : undefined
}

/** Whether `pointer` is what `rule` names, or inside of it. `*` in the rule is any key or index. */
export function isInside(rule: string, pointer: string): boolean {
  const tokens = pointer.split('/')
  return rule.split('/').every((token, at) => token === tokens[at] || (token === '*' && tokens[at] !== undefined))
}
