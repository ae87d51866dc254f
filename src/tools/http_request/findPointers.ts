import type { Json } from '../../call.ts'

/** What a value at a JSON pointer is called in rules: RFC 6901, where `*` stands for any key or index, `**` for any depth. */
export const POINTER_RULE = /^(?:\/(?:[^~/]|~[01])*)+$/

const tokensOf = (pointer: string): readonly string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))

const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** The RFC 6901 pointers in `value` that any of the rules names, each once, with the rule that names it. */
export function findPointers(
  value: Json,
  rules: readonly string[],
): readonly { readonly pointer: string; readonly rule: string }[] {
  const found = new Map<string, string>()
  const written = rules.map((rule) => ({ rule, tokens: rule.split('/').slice(1) }))
  visit(value, '', written, found)
  return [...found].map(([pointer, rule]) => ({ pointer, rule }))
}

interface Rest {
  readonly rule: string
  readonly tokens: readonly string[]
}

function visit(value: Json, pointer: string, rests: readonly Rest[], found: Map<string, string>): void {
  const here = rests.flatMap(({ rule, tokens }) => unfold(rule, tokens))
  const done = here.find(({ tokens }) => tokens.length === 0)
  if (done !== undefined) {
    // Replaced whole: what is inside needs no mark of its own.
    found.set(pointer, done.rule)
    return
  }
  if (value === null || typeof value !== 'object' || here.length === 0) return
  for (const [key, inner] of Object.entries(value)) {
    const next = here.flatMap(({ rule, tokens: [first = '', ...rest] }): Rest[] => {
      if (first === '**') return [{ rule, tokens: [first, ...rest] }]
      return first === '*' || first === escaped(key) ? [{ rule, tokens: rest }] : []
    })
    visit(inner, `${pointer}/${escaped(key)}`, next, found)
  }
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
 * for every index of a list.
 */
export function leafPointers(value: Json): readonly string[] {
  const found = new Set<string>()
  const visitLeaves = (inner: Json, pointer: string): void => {
    const members = isObject(inner) ? Object.entries(inner) : []
    if (members.length === 0) found.add(pointer)
    for (const [key, member] of members) visitLeaves(member, `${pointer}/${Array.isArray(inner) ? '*' : escaped(key)}`)
  }
  visitLeaves(value, '')
  return [...found]
}

/** Whether `pointer` is what `rule` names, or inside of it. `*` in the rule is any key or index. */
export function isInside(rule: string, pointer: string): boolean {
  const tokens = pointer.split('/')
  return rule.split('/').every((token, at) => token === tokens[at] || (token === '*' && tokens[at] !== undefined))
}
