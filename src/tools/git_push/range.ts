import { GateError } from '../../errors.ts'
import type { Git } from './git/git.ts'

/** A commit that a push would add to the branch. */
export interface Commit {
  readonly oid: string
  readonly author: string
  readonly subject: string
  readonly isMerge: boolean
}

/** What one commit, or the push as a whole, does to one path. */
export interface Change {
  readonly path: string
  /** `000000` where it was not there. */
  readonly oldMode: string
  readonly newMode: string
  /** Of what stands there afterwards; zeros when it is gone. */
  readonly newOid: string
}

export interface RangeLimits {
  readonly maxCommits: number
  readonly maxFiles: number
}

const NOT_THERE = '000000'
/** Characters of all paths together: every one of them is judged, shown and recorded. */
const MAX_NAMES = 256 * 1024
/**
 * git holds a comparison whole before it writes any of it, and ten trees that name each other ten times are a thousand
 * million files. What can be judged needs a fraction of this.
 */
const DIFF_LIMITS = { limits: { memory: 1024 ** 3, fileSize: 1024 ** 2 }, timeoutMs: 20_000 }
/** A name that nobody can read is a name that nobody can judge. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The commits that `to` has and `without` have not, oldest first.
 *
 * @throws GateError ERR_GIT_LIMIT
 */
export async function listCommits(
  git: Git,
  to: string,
  without: readonly string[],
  { maxCommits }: RangeLimits,
): Promise<readonly Commit[]> {
  const format = '%H%x00%P%x00%an <%ae>%x00%s'
  const out = await git.text(
    [
      'log',
      '--stdin',
      '--topo-order',
      '--reverse',
      '-z',
      `--format=${format}`,
      '--no-mailmap',
      '--encoding=UTF-8',
      `--max-count=${maxCommits + 1}`,
    ],
    { stdin: rangeInput(to, without), maxOutput: 64 * 1024 ** 2 },
  )
  const fields = out === '' ? [] : out.split('\0')
  const commits: Commit[] = []
  for (let at = 0; at + 3 < fields.length; at += 4) {
    const [oid = '', parents = '', author = '', subject = ''] = fields.slice(at, at + 4)
    commits.push({ oid, author, subject, isMerge: parents.includes(' ') })
  }
  if (commits.length > maxCommits) {
    throw new GateError('ERR_GIT_LIMIT', {
      detail: `It adds more than ${maxCommits} commits.`,
    })
  }
  return commits
}

/**
 * Everything that the commits change, each compared with its parents, and what the push changes on the branch as a
 * whole. A merge counts with what it has from none of its parents; what it has from one of them was judged there, or is
 * on the branch already, or shows in the whole.
 *
 * @param from the branch as it is; undefined for a new one
 * @throws GateError ERR_GIT_LIMIT, ERR_GIT_REF
 */
export async function listChanges(
  git: Git,
  commits: readonly Commit[],
  from: string | undefined,
  to: string,
  { maxFiles }: RangeLimits,
): Promise<readonly Change[]> {
  const flags = [
    '-r',
    '-z',
    '--raw',
    '--no-renames',
    '--no-abbrev',
    '--root',
    '-c',
    '--no-ext-diff',
    '--ignore-submodules=none',
  ]
  const perCommit = await git.run(['diff-tree', '--stdin', ...flags], {
    stdin: commits.map(({ oid }) => `${oid}\n`).join(''),
    ...DIFF_LIMITS,
  })
  const changes = [...readRaw(perCommit)]
  if (from !== undefined) changes.push(...readRaw(await git.run(['diff-tree', ...flags, from, to], DIFF_LIMITS)))
  const paths = new Set(changes.map(({ path }) => path))
  const length = [...paths].reduce((sum, path) => sum + path.length, 0)
  if (length > MAX_NAMES)
    throw new GateError('ERR_GIT_LIMIT', { detail: 'The names of the changed files are too long.' })
  if (paths.size > maxFiles) {
    throw new GateError('ERR_GIT_LIMIT', { detail: `It changes ${paths.size} paths; at most ${maxFiles} are taken.` })
  }
  return unique(changes)
}

function unique(changes: readonly Change[]): readonly Change[] {
  const seen = new Map(changes.map((change) => [JSON.stringify(change), change]))
  return [...seen.values()]
}

/**
 * Reads `--raw -z`: `:<modes> <oids> <status>`, NUL, path, NUL; with one colon more, one mode and one oid more for each
 * further parent of a merge; between them the ids of the commits.
 */
function* readRaw(bytes: Buffer): Generator<Change> {
  const tokens = splitAtNul(bytes)
  for (let at = 0; at < tokens.length; at += 1) {
    const head = tokens[at]?.toString('latin1') ?? ''
    if (!head.startsWith(':')) continue
    const parents = head.lastIndexOf(':') + 1
    const fields = head.slice(parents).split(' ')
    at += 1
    const raw = tokens[at]
    if (raw === undefined || fields.length !== 2 * parents + 3) throw new GateError('ERR_INTERNAL')
    const oldModes = fields.slice(0, parents)
    yield {
      path: readName(raw),
      oldMode: oldModes.every((mode) => mode === NOT_THERE)
        ? NOT_THERE
        : (oldModes.find((mode) => mode !== NOT_THERE) ?? ''),
      newMode: fields[parents] ?? '',
      newOid: fields[2 * parents + 1] ?? '',
    }
  }
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start)
    if (end < 0) break
    parts.push(bytes.subarray(start, end))
    start = end + 1
  }
  return parts
}

function readName(raw: Buffer): string {
  let name: string
  try {
    name = UTF8.decode(raw)
  } catch {
    throw new GateError('ERR_GIT_REF', { detail: 'A file name is not UTF-8.' })
  }
  if (/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(name)) {
    throw new GateError('ERR_GIT_REF', { detail: 'A file name holds control characters.' })
  }
  return name
}

export function rangeInput(to: string, without: readonly string[]): string {
  return `${[to, ...without.map((oid) => `^${oid}`)].join('\n')}\n`
}
