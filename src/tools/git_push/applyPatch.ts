import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { GateError } from '../../errors.ts'
import { type Git, openGit } from './git/git.ts'
import type { GitConnection } from './settings.ts'

export interface Patch {
  readonly patch: string
  readonly message: string
  /** The commit it is against. */
  readonly base: string
}

/** A commit made of a patch. It is in no repository, only in the folder of its call. */
export interface PatchedCommit {
  /** A view of the copy that also has the new objects. */
  readonly git: Git
  readonly oid: string
  readonly tree: string
}

/**
 * Applies a unified diff to the tree of its base, in an index of its own: there is no work tree, so nothing is checked
 * out, no link is followed and no filter runs. What the diff says about itself is not trusted: the tree that comes out
 * is judged like any pushed commit.
 *
 * @throws GateError ERR_GIT_PATCH, ERR_GIT_NOTHING
 */
export async function applyPatch(
  copy: Git,
  { patch, message, base }: Patch,
  folder: string,
  { author }: GitConnection,
): Promise<PatchedCommit> {
  // A few bytes of a compressed binary hunk stand for a file of any size.
  if (/^GIT binary patch$/m.test(patch)) {
    throw new GateError('ERR_GIT_PATCH', {
      detail: 'Binary patches are not accepted: push the commit with git instead.',
    })
  }
  const objects = join(folder, 'objects')
  await mkdir(objects, { mode: 0o700 })
  const git = openGit(copy.programs, copy.dir, {
    ...copy.env,
    GIT_INDEX_FILE: join(folder, 'index'),
    GIT_OBJECT_DIRECTORY: objects,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: join(copy.dir, 'objects'),
  })
  await git.run(['read-tree', base])
  const text = patch.endsWith('\n') ? patch : `${patch}\n`
  const apply = ['apply', '--cached', '--whitespace=nowarn', '-p1']
  const { code } = await git.try([...apply, '-'], { stdin: text })
  // Models miscount the lines of hunks; the lines themselves still have to fit.
  const again = code === 0 ? undefined : await git.try([...apply, '--recount', '-'], { stdin: text })
  if (again !== undefined && again.code !== 0) throw new GateError('ERR_GIT_PATCH', { detail: hintOf(again.stderr) })
  const tree = await git.text(['write-tree'])
  if (tree === (await git.text(['rev-parse', '--verify', `${base}^{tree}`]))) throw new GateError('ERR_GIT_NOTHING')
  const oid = await git.text(['commit-tree', tree, '-p', base, '-F', '-'], {
    stdin: `${message.trim()}\n`,
    env: {
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_COMMITTER_NAME: author.name,
      GIT_COMMITTER_EMAIL: author.email,
    },
  })
  return { git, oid, tree }
}

/** Where it does not fit, without the content of lines or the names of files. */
function hintOf(stderr: string): string {
  const line = /patch failed: .*:(\d+)$/m.exec(stderr)?.[1]
  if (line !== undefined) return `A hunk does not fit around line ${line} of its file.`
  const corrupt = /corrupt patch at line (\d+)/.exec(stderr)?.[1]
  if (corrupt !== undefined) return `It cannot be read at its line ${corrupt}.`
  if (/does not exist in index|No such file/.test(stderr)) return 'A file it changes does not exist in the base.'
  if (/already exists/.test(stderr)) return 'A file it adds exists already.'
  return 'It cannot be read, or names a path that no repository may hold.'
}
