import type { Preview, PreviewText } from '../tool.ts'
import type { Git } from './git/git.ts'
import type { JudgedPush } from './judgePush.ts'
import type { GitConnection } from './settings.ts'

const FLAGS = ['--no-ext-diff', '--no-textconv', '--no-color', '--no-renames', '--full-index']
/** Commits that are listed one by one. */
const LISTED = 50

/**
 * What reviewers see: the commits, how much each file changes, the change as a whole, and what was found.
 *
 * @param copy the server's branches
 */
export async function previewPush(git: Git, copy: Git, push: JudgedPush, settings: GitConnection): Promise<Preview> {
  const { commits, changes, scanned, operations } = push
  const missing: string[] = []
  const texts: PreviewText[] = []
  const lines = [headline(push)]
  if (commits.length > 0) {
    texts.push({
      title: 'Commits, oldest first',
      text: commits.slice(0, LISTED).map(drawCommit).join('\n'),
      language: 'text',
    })
    if (commits.length > LISTED) missing.push(`${commits.length - LISTED} more commits are not listed.`)
  }
  for (const { operation, because } of operations.slice(1)) lines.push(`${operation}: ${because ?? ''}`)
  for (const path of scanned.lfsPointers.slice(0, 20)) {
    missing.push(`${path} is a pointer of Git LFS: the file it stands for is elsewhere and was not looked at.`)
  }
  if (push.to !== undefined) {
    const base = await baseOf(git, push)
    if (push.kind === 'create') lines.push(await drawStart(copy, base))
    const stat = await diff(git, ['--stat=120', '--stat-count=200'], base, push.to, 32 * 1024)
    const patch = await diff(git, ['--patch', '--unified=3'], base, push.to, settings.limits.maxDiff)
    if (stat.text !== '') texts.push({ title: 'Files', text: stat.text, language: 'text' })
    if (patch.text !== '') texts.push({ title: 'Change as a whole', text: patch.text, language: 'diff' })
    if (patch.isCut) {
      missing.push(`The change is longer than ${settings.limits.maxDiff} bytes; its end is not shown.`)
    }
    for (const path of await binariesOf(git, base, push.to)) {
      missing.push(`${path} is no text to git, or longer than 1 MiB: what is in it is not shown.`)
    }
    const hidden = takenBack(push, await pathsOf(git, base, push.to))
    if (hidden.length > 0) {
      missing.push(
        `Changed and changed back between the commits, so not in the change as a whole: ${hidden.join(', ')}.`,
      )
    }
  }
  if (changes.length > 0)
    lines.splice(1, 0, `${new Set(changes.map(({ path }) => path)).size} paths in ${commits.length} commits`)
  return { rows: undefined, lines, sample: undefined, texts, missing }
}

function headline({ ref, kind, from, to, commits, lost }: JudgedPush): string {
  const at = (oid = '') => oid.slice(0, 12)
  switch (kind) {
    case 'create':
      return `creates ${ref} at ${at(to)}, with ${commits.length} new commits`
    case 'fast-forward':
      return `moves ${ref} forward from ${at(from)} to ${at(to)}`
    case 'force':
      return `forces ${ref} from ${at(from)} to ${at(to)}: ${lost} commits are taken off the branch`
    case 'delete':
      return `deletes ${ref}, which is at ${at(from)}; ${lost} commits are on no other branch`
  }
}

function drawCommit({ oid, author, subject, isMerge }: JudgedPush['commits'][number]): string {
  return `${oid.slice(0, 12)} ${author}: ${subject}${isMerge ? ' (merge)' : ''}`
}

/** What the change is shown against: the branch as it is, else where the new one leaves what is known. */
async function baseOf(git: Git, { from, to, commits }: JudgedPush): Promise<string> {
  if (from !== undefined) return from
  const [first] = commits
  const parent = await git.try(['rev-parse', '--verify', '--quiet', `${first?.oid ?? to}^1`])
  if (first === undefined) return to ?? ''
  return parent.code === 0 ? parent.stdout.toString().trim() : emptyTreeOf(git)
}

/** Branches that are named as the start of a new one. */
const STARTS = 5

/** What a new branch has of others was judged when it came to them, under the rules for them, and is not shown again. */
async function drawStart(copy: Git, base: string): Promise<string> {
  const contains = ['for-each-ref', `--contains=${base}`, '--format=%(refname)', `--count=${STARTS}`, 'refs/heads/']
  const { code, stdout } = await copy.try(contains)
  const names = stdout.toString().trim().split('\n').join(', ')
  if (code !== 0 || names === '') return 'it starts from nothing'
  return `it starts from ${base.slice(0, 12)}, which is on ${names}: what it has from there is neither judged nor shown again`
}

function emptyTreeOf(git: Git): Promise<string> {
  return git.text(['hash-object', '-t', 'tree', '--stdin'], { stdin: '' })
}

async function diff(git: Git, args: readonly string[], from: string, to: string, maxBytes: number) {
  const { stdout, stopped, code } = await git.try(['diff-tree', '-r', ...FLAGS, ...args, from, to], {
    maxOutput: maxBytes,
  })
  if (code !== 0 && stopped !== 'output') return { text: '', isCut: true }
  const text = stdout.toString()
  // Whole lines only, so that half a character or half a secret does not end it.
  return stopped === 'output'
    ? { text: text.slice(0, text.lastIndexOf('\n') + 1), isCut: true }
    : { text, isCut: false }
}

/** Files of which a diff says that they differ and no more: one NUL makes a script such a file. */
async function binariesOf(git: Git, from: string, to: string): Promise<readonly string[]> {
  const counted = await git.run(['diff-tree', '-r', '-z', '--numstat', ...FLAGS, from, to])
  return counted
    .toString()
    .split('\0')
    .filter((line) => line.startsWith('-\t-\t'))
    .map((line) => line.slice('-\t-\t'.length))
    .slice(0, 20)
}

async function pathsOf(git: Git, from: string, to: string): Promise<ReadonlySet<string>> {
  const names = await git.run(['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to])
  return new Set(names.toString().split('\0'))
}

function takenBack({ changes }: JudgedPush, shown: ReadonlySet<string>): readonly string[] {
  return [...new Set(changes.map(({ path }) => path))].filter((path) => !shown.has(path)).slice(0, 20)
}
