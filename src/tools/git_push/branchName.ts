import { GateError } from '../../errors.ts'

const HEADS = 'refs/heads/'
const AGENT = 'refs/heads/agent/'

/**
 * Far narrower than git itself: `git check-ref-format` takes `--upload-pack=x`, `+main` and `HEAD`, and names with
 * quotes, spaces or `$()` end up in the scripts of other people's pipelines.
 */
const SEGMENT = /^[A-Za-z0-9_@#][A-Za-z0-9._@#+-]*$/
const LONGEST = 200

/** Names that git takes for something else than a branch, wherever a branch is looked up by its short name. */
const NOT_BRANCHES = new Set(['head', 'fetch_head', 'orig_head', 'merge_head', 'cherry_pick_head', 'revert_head'])
const NAMESPACES = new Set(['refs', 'heads', 'tags', 'remotes', 'notes', 'pull', 'merge-requests', 'changes', 'for'])

/**
 * The full ref of a branch that the caller names, `main` or `refs/heads/main`.
 *
 * @throws GateError ERR_GIT_REF
 */
export function readBranch(name: string): string {
  const short = name.startsWith(HEADS) ? name.slice(HEADS.length) : name
  const problem = problemOf(short)
  if (problem !== undefined) throw new GateError('ERR_GIT_REF', { detail: `${problem}.` })
  return HEADS + short
}

/** A ref that an agent may push to its own space here: `refs/heads/agent/<name>`. */
export function isAgentRef(ref: string): boolean {
  return ref.startsWith(AGENT) && problemOf(ref.slice(HEADS.length)) === undefined
}

function problemOf(short: string): string | undefined {
  const segments = short.split('/')
  if (short === '' || short.length > LONGEST) return 'The name is empty or longer than 200 characters'
  if (!/^[A-Za-z0-9]/.test(short)) return 'It must begin with a letter or a digit'
  if (!segments.every((segment) => SEGMENT.test(segment))) {
    return 'It may hold letters, digits and . _ - + @ # between slashes, and no part may begin with . - or +'
  }
  if (short.includes('..') || short.includes('@{')) return 'It must not hold ".."'
  if (segments.some((segment) => segment.endsWith('.') || segment.toLowerCase().endsWith('.lock'))) {
    return 'No part may end in "." or ".lock"'
  }
  if (NAMESPACES.has(foldRef(segments[0] ?? '')) && segments.length > 1) return 'It must be a branch, by its short name'
  if (NOT_BRANCHES.has(foldRef(short))) return 'That name is not one of a branch'
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(short)) return 'It must not look like a commit id'
  return undefined
}

/** Two refs with the same folded name are one file on a file system that ignores case. */
export function foldRef(ref: string): string {
  return ref.normalize('NFKC').toLowerCase()
}

/**
 * An existing branch that a new name would be mistaken for, or shadow, where case does not count: `Main` beside `main`,
 * `MAIN/x` beside `main`. Undefined when there is none.
 */
export function findCollision(ref: string, existing: readonly string[]): string | undefined {
  const folded = foldRef(ref)
  return existing.find((other) => {
    if (other === ref) return false
    const known = foldRef(other)
    return (
      known === folded || folded.startsWith(`${known}/`) || known.startsWith(`${folded}/`) || differsAbove(ref, other)
    )
  })
}

/** `Feature/x` beside `feature/y`: the folders differ in case alone. */
function differsAbove(ref: string, other: string): boolean {
  const mine = ref.split('/').slice(0, -1)
  const theirs = other.split('/').slice(0, -1)
  for (let depth = 0; depth < Math.min(mine.length, theirs.length); depth += 1) {
    const [left = '', right = ''] = [mine[depth], theirs[depth]]
    if (foldRef(left) !== foldRef(right)) return false
    if (left !== right) return true
  }
  return false
}
