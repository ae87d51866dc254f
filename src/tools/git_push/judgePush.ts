import type { Fact, Operation } from '../../call.ts'
import { GateError } from '../../errors.ts'
import { findCollision } from './branchName.ts'
import type { Git } from './git/git.ts'
import { type Change, type Commit, listChanges, listCommits } from './range.ts'
import { type FindSecrets, type ScannedObjects, scanObjects } from './scanObjects.ts'
import { sensitivePathOf } from './sensitivePath.ts'
import type { GitConnection } from './settings.ts'

/** What a push would do to one branch of the server, as the objects themselves say. */
export interface JudgedPush {
  /** The full ref. */
  readonly ref: string
  /** The branch as it is at the server; undefined when it is not there. */
  readonly from: string | undefined
  /** The branch as it would be; undefined when it would be gone. */
  readonly to: string | undefined
  readonly kind: 'create' | 'fast-forward' | 'force' | 'delete'
  readonly commits: readonly Commit[]
  readonly changes: readonly Change[]
  /** Commits that the branch would lose. */
  readonly lost: number
  readonly scanned: ScannedObjects
  readonly operations: readonly Operation[]
}

export interface PushRequest {
  readonly ref: string
  readonly to: string | undefined
  /** The caller said that commits may be taken off the branch. */
  readonly force: boolean
}

/**
 * Judges every commit that the branch would gain, against the branch as it is at the server now.
 *
 * @param git a repository that has the objects of both
 * @param heads the server's branches
 * @throws GateError ERR_GIT_REF, ERR_GIT_NOTHING, ERR_GIT_NOT_FORWARD, ERR_GIT_LIMIT, ERR_GIT_SECRET_NAME
 */
export async function judgePush(
  git: Git,
  { ref, to, force }: PushRequest,
  heads: ReadonlyMap<string, string>,
  settings: GitConnection,
  findSecrets: FindSecrets,
): Promise<JudgedPush> {
  const from = heads.get(ref)
  refuseSecretNames([ref], findSecrets)
  const collision = findCollision(ref, [...heads.keys()])
  if (collision !== undefined && to !== undefined) {
    throw new GateError('ERR_GIT_REF', {
      detail: 'A branch exists whose name differs in case alone, or stands in its way.',
    })
  }
  if (from === to) throw new GateError('ERR_GIT_NOTHING')
  if (to === undefined || from === undefined) {
    return to === undefined ? judgeDelete(git, ref, from ?? '', heads) : judgeUpdate('create', [...heads.values()])
  }
  const isForward = (await git.try(['merge-base', '--is-ancestor', from, to])).code === 0
  if (!isForward && !force) {
    throw new GateError('ERR_GIT_NOT_FORWARD')
  }
  return judgeUpdate(isForward ? 'fast-forward' : 'force', [from])

  async function judgeUpdate(kind: JudgedPush['kind'], without: readonly string[]): Promise<JudgedPush> {
    if (to === undefined) throw new TypeError('nothing to push')
    const { limits } = settings
    const commits = await listCommits(git, to, without, limits)
    const changes = await listChanges(git, commits, from, to, limits)
    refuseSecretNames(new Set(changes.map(({ path }) => path)), findSecrets)
    const scanned = await scanObjects(git, to, without, limits, findSecrets)
    const lost = kind === 'force' && from !== undefined ? await countCommits(git, from, [to]) : 0
    const push = { ref, from, to, kind, commits, changes, lost, scanned }
    return { ...push, operations: operationsOf(push, settings) }
  }
}

async function judgeDelete(
  git: Git,
  ref: string,
  from: string,
  heads: ReadonlyMap<string, string>,
): Promise<JudgedPush> {
  const others = [...heads].filter(([name]) => name !== ref).map(([, oid]) => oid)
  const lost = await countCommits(git, from, others)
  const facts = { ...branchFacts(ref), delete: true, force: false, creates: false, newFiles: false, paths: [] }
  const because =
    lost === 0 ? 'the branch would be gone' : `the branch would be gone, with ${lost} commits that are on no other`
  return {
    ...{ ref, from, to: undefined, kind: 'delete', commits: [], changes: [], lost },
    scanned: { secrets: [], lfsPointers: [] },
    operations: [{ operation: 'delete', otherwise: 'deny', because, facts: { ...facts, maxCommits: 0, lost } }],
  }
}

async function countCommits(git: Git, to: string, without: readonly string[]): Promise<number> {
  const input = [to, ...without.map((oid) => `^${oid}`)].join('\n')
  return Number(await git.text(['rev-list', '--count', '--stdin'], { stdin: `${input}\n` }))
}

/** Names are shown and recorded as they are, so none of them may be a secret itself. */
export function refuseSecretNames(names: Iterable<string>, findSecrets: FindSecrets): void {
  for (const name of names) if (findSecrets(name).length > 0) throw new GateError('ERR_GIT_SECRET_NAME')
}

/** The pushed branch by its full name. */
function branchFacts(ref: string): Readonly<Record<string, Fact>> {
  return { branch: ref }
}

function operationsOf(push: Omit<JudgedPush, 'operations'>, settings: GitConnection): readonly Operation[] {
  const { ref, kind, commits, changes, lost, scanned } = push
  const paths = [...new Set(changes.map(({ path }) => path))].sort()
  const common = { ...branchFacts(ref), force: kind === 'force', delete: false, creates: kind === 'create' }
  const counts = { maxCommits: commits.length, newFiles: changes.some(isNew) }
  const operations: Operation[] = [
    {
      operation: kind === 'force' ? 'force-push' : 'push',
      otherwise: 'deny',
      ...(kind === 'force' && { because: `${lost} commits would be taken off the branch` }),
      facts: { ...common, ...counts, paths, ...(kind === 'force' && { lost }) },
    },
  ]
  const consequence = (operation: string, because: string, on: readonly string[]): Operation => ({
    ...{ operation, otherwise: 'require-approval', because },
    facts: { ...common, ...counts, paths: on },
  })
  for (const [name, on] of sensitiveOf(paths, settings)) {
    operations.push(consequence(`path:${name}`, `a commit changes ${on.join(', ')}`, on))
  }
  for (const [mode, { name, what }] of Object.entries(MODES)) {
    const on = [
      ...new Set(changes.filter((change) => change.newMode === mode && isModeNews(change)).map(({ path }) => path)),
    ]
    if (on.length > 0) operations.push(consequence(`mode:${name}`, `a commit makes ${what}: ${listed(on)}`, on))
  }
  for (const why of new Set(scanned.secrets.map((secret) => secret.why))) {
    const where = scanned.secrets.filter((secret) => secret.why === why).map((secret) => secret.where)
    operations.push({
      ...{ operation: `secret:${why}`, otherwise: 'deny', floor: 'require-approval' },
      because: `${why === 'unreadable-message' ? 'a message cannot be read' : `what looks like a secret (${why}) is`} in ${listed(where)}`,
      facts: { ...common, ...counts, paths: where },
    })
  }
  return operations
}

function sensitiveOf(paths: readonly string[], { protectedPaths }: GitConnection): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const path of paths) {
    const name = sensitivePathOf(path, protectedPaths)
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), path])
  }
  return found
}

const MODES: Readonly<Record<string, { readonly name: string; readonly what: string }>> = {
  '120000': { name: 'symlink', what: 'symbolic links' },
  '160000': { name: 'submodule', what: 'submodules' },
  '100755': { name: 'executable', what: 'files executable' },
}

/** A link or submodule counts whenever it changes; an executable file when it becomes one. */
function isModeNews({ oldMode, newMode }: Change): boolean {
  return newMode !== '100755' || oldMode !== newMode
}

function isNew({ oldMode, newMode }: Change): boolean {
  return oldMode === '000000' && newMode !== '000000'
}

const NAMED = 10

function listed(names: readonly string[]): string {
  const more = names.length - NAMED
  return more > 0 ? `${names.slice(0, NAMED).join(', ')} and ${more} more` : names.join(', ')
}
