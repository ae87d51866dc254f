import { createHash, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GateError } from '../../../errors.ts'
import type { GitConnection } from '../settings.ts'
import type { GitPrograms } from './findGit.ts'
import { type Git, openGit } from './git.ts'
import { REMOTE, runAtUpstream, type UpstreamParts, upstreamFailure } from './upstream.ts'

/**
 * What the gateway keeps of one connection, in a folder of its own (0700): a copy of the repository's branches, and for
 * each agent a repository with what it pushed. An agent's repository borrows objects from the copy and from no other
 * agent; removing its folder removes all of it.
 */
export interface Repositories {
  /** The copy of the server's branches, brought up to date unless that was done within `maxAgeMs`. */
  copy(maxAgeMs: number): Promise<Git>
  /** An agent's repository, made when it is missing. */
  space(name: string): Promise<AgentSpace>
  /** A folder for one call, removed by `remove`. */
  temporary(): Promise<{ readonly dir: string; remove(): Promise<void> }>
  /** Removes what was not used for the time that the connection keeps it, and leftovers of a crash. */
  sweep(now: number): Promise<void>
}

export interface AgentSpace {
  readonly git: Git
  /** One change at a time. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
  /** Bytes of everything in it, after what nothing refers to was dropped if there is much of it. */
  usage(): Promise<number>
  /** Notes that it was used. */
  touch(): Promise<void>
  /** Removes what an upload that was cut off left behind. Only while nobody else uploads. */
  dropUnfinished(): Promise<void>
}

/** Past so many packs objects are looked up slowly. */
const MAX_PACKS = 30
const USED = 'last-used'
const EMPTY_TREE = {
  sha1: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  sha256: '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321',
}

export function openRepositories(
  settings: GitConnection,
  programs: GitPrograms,
  parts: UpstreamParts,
  cache: string,
): Repositories {
  // Another address is another repository, and must not meet the objects of the first.
  const root = join(
    cache,
    createHash('sha256').update(`${settings.objectFormat} ${settings.url}`).digest('hex').slice(0, 24),
  )
  const copyDir = join(root, 'copy.git')
  const agentsDir = join(root, 'agents')
  const queues = new Map<string, Promise<unknown>>()
  let syncing: Promise<void> | undefined
  let syncedAt = Number.NEGATIVE_INFINITY

  // Later gits read attributes from HEAD where there is no work tree; nothing in a repository may say how it is shown.
  const env = { GIT_ATTR_SOURCE: EMPTY_TREE[settings.objectFormat] }
  const copyGit = openGit(programs, copyDir, env)

  /** One at a time for each folder: half a repository is not one. */
  const making = new Map<string, Promise<void>>()
  async function init(dir: string): Promise<Git> {
    const git = openGit(programs, dir, env)
    const made = (making.get(dir) ?? Promise.resolve()).then(async () => {
      if (await exists(join(dir, 'HEAD'))) return
      await mkdir(dir, { recursive: true, mode: 0o700 })
      await git.run(['init', '--quiet', '--bare', '--template=', `--object-format=${settings.objectFormat}`])
    })
    const settled = made.catch(() => {}).finally(() => making.get(dir) === settled && making.delete(dir))
    making.set(dir, settled)
    await made
    return git
  }

  async function sync(): Promise<void> {
    await mkdir(cache, { recursive: true, mode: 0o700 })
    await init(copyDir)
    const began = performance.now()
    const fetched = await runAtUpstream(copyGit, settings, parts, {
      service: 'git-upload-pack',
      args: [
        ...['fetch', '--quiet', '--prune', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--force'],
        ...['--recurse-submodules=no', '--no-show-forced-updates', '--', REMOTE, '+refs/heads/*:refs/heads/*'],
      ],
    })
    if (fetched.code !== 0) throw upstreamFailure(fetched)
    if (syncedAt === Number.NEGATIVE_INFINITY) await readDefaultBranch()
    syncedAt = began
    await repackIfMany(copyGit, ['--keep-unreachable'])
  }

  /** Clones check out what HEAD names. */
  async function readDefaultBranch(): Promise<void> {
    const listed = await runAtUpstream(copyGit, settings, parts, {
      service: 'git-upload-pack',
      args: ['ls-remote', '--symref', '--quiet', '--', REMOTE, 'HEAD'],
    })
    const ref = /^ref: (refs\/heads\/[^\s]+)\tHEAD$/m.exec(listed.stdout.toString())?.[1]
    if (ref !== undefined) await copyGit.try(['symbolic-ref', 'HEAD', ref])
  }

  return {
    async copy(maxAgeMs) {
      const wanted = performance.now() - maxAgeMs
      if (syncing !== undefined) await syncing.catch(() => {})
      if (syncedAt < wanted) {
        syncing ??= sync().finally(() => {
          syncing = undefined
        })
        await syncing
      }
      return copyGit
    },
    async space(name) {
      if (!/^[0-9a-f]{16,64}$/.test(name)) throw new TypeError('not the name of a space')
      const dir = join(agentsDir, `${name}.git`)
      const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
        const turn = (queues.get(name) ?? Promise.resolve()).then(work, work)
        queues.set(
          name,
          turn.catch(() => {}),
        )
        return turn
      }
      await init(copyDir)
      // Not in line behind an upload: a call of the same agent must not wait for it.
      const git = await init(dir)
      await borrowFrom(join(copyDir, 'objects'), dir)
      const touch = async (): Promise<void> => {
        const now = new Date()
        await utimes(join(dir, USED), now, now).catch(() => writeFile(join(dir, USED), ''))
      }
      await touch()
      return {
        git,
        exclusively,
        touch,
        async usage() {
          if ((await sizeOf(join(dir, 'objects'))) > settings.limits.maxPack / 2) await repack(git, [])
          else await repackIfMany(git, [])
          return sizeOf(join(dir, 'objects'))
        },
        dropUnfinished: () => dropUnfinished(dir),
      }
    },
    async temporary() {
      await mkdir(join(root, 'temporary'), { recursive: true, mode: 0o700 })
      const dir = await mkdtemp(join(root, 'temporary', 'call-'))
      return { dir, remove: () => rm(dir, { recursive: true, force: true }) }
    },
    async sweep(now) {
      for (const entry of await list(agentsDir)) {
        const dir = join(agentsDir, entry)
        const used = await stat(join(dir, USED)).catch(() => undefined)
        if (used === undefined || now - used.mtimeMs > settings.limits.keep)
          await rm(dir, { recursive: true, force: true })
      }
      for (const entry of await list(join(root, 'temporary'))) {
        const dir = join(root, 'temporary', entry)
        const made = await stat(dir).catch(() => undefined)
        if (made !== undefined && now - made.mtimeMs > ABANDONED_MS) await rm(dir, { recursive: true, force: true })
      }
    },
  }
}

/** Written once: whoever reads the file while it is written would miss every object of the copy. */
async function borrowFrom(objects: string, dir: string): Promise<void> {
  const info = join(dir, 'objects', 'info')
  if (await exists(join(info, 'alternates'))) return
  await mkdir(info, { recursive: true })
  const own = `alternates.${randomUUID()}`
  await writeFile(join(info, own), `${objects}\n`)
  await rename(join(info, own), join(info, 'alternates'))
}

/** No call takes a day. */
const ABANDONED_MS = 24 * 3_600_000

async function dropUnfinished(dir: string): Promise<void> {
  const objects = join(dir, 'objects')
  for (const entry of await list(objects)) {
    if (entry.startsWith('tmp_objdir-')) await rm(join(objects, entry), { recursive: true, force: true })
  }
  for (const entry of await list(join(objects, 'pack'))) {
    if (entry.startsWith('tmp_')) await rm(join(objects, 'pack', entry), { force: true })
  }
}

async function repackIfMany(git: Git, args: readonly string[]): Promise<void> {
  const packs = (await list(join(git.dir, 'objects', 'pack'))).filter((name) => name.endsWith('.pack'))
  if (packs.length > MAX_PACKS) await repack(git, args)
}

async function repack(git: Git, args: readonly string[]): Promise<void> {
  await git.run(['repack', '-a', '-d', '-l', '-q', ...args], { timeoutMs: 300_000 })
}

async function sizeOf(dir: string): Promise<number> {
  let sum = 0
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const path = join(dir, entry.name)
    sum += entry.isDirectory()
      ? await sizeOf(path)
      : await stat(path).then(
          ({ size }) => size,
          () => 0,
        )
  }
  return sum
}

const list = (dir: string): Promise<string[]> => readdir(dir).catch(() => [])

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** The folder of a connection's repositories. */
export function cacheOf(settings: GitConnection): string {
  if (settings.cache === undefined)
    throw new GateError('ERR_INTERNAL', { cause: new Error('no folder for repositories') })
  return settings.cache
}
