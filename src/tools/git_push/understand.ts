import type { Json } from '../../call.ts'
import { GateError } from '../../errors.ts'
import type { RequestField, Understanding } from '../tool.ts'
import { applyPatch } from './applyPatch.ts'
import { readBranch } from './branchName.ts'
import { executePush } from './execute.ts'
import type { Git } from './git/git.ts'
import type { UpstreamParts } from './git/upstream.ts'
import type { PushArguments } from './input.ts'
import { judgePush } from './judgePush.ts'
import type { OpenConnection } from './openConnections.ts'
import { previewPush } from './preview.ts'
import type { FindSecrets } from './scanObjects.ts'
import type { GitConnection } from './settings.ts'

export interface UnderstandParts extends UpstreamParts {
  readonly findSecrets: FindSecrets
}

/**
 * Branch name and commit -> the branch as it is at the server now -> every commit in between, from the objects
 * themselves. Nothing leaves the gateway before `execute`.
 *
 * @param ownSpace the space of the caller: only what stands there can be pushed on
 */
export async function understand(
  { settings, repositories, name }: OpenConnection,
  args: PushArguments,
  ownSpace: string | undefined,
  parts: UnderstandParts,
): Promise<Understanding> {
  const ref = readBranch(args.branch)
  const copy = await repositories.copy(0)
  const heads = await readHeads(copy)
  const made = await readSource()
  try {
    const request = { ref, to: made.to, force: args.force }
    const push = await judgePush(made.git, request, heads, settings, parts.findSecrets)
    return {
      effect: 'write',
      operations: push.operations,
      judged: { ref, from: push.from ?? null, kind: push.kind, ...made.judged },
      target: targetOf(name, settings),
      request: describeRequest(args, ref),
      preview: () => previewPush(made.git, copy, push, settings),
      execute: (_, beforeCommit, signal, report) =>
        executePush(made.git, push, settings, parts, beforeCommit, signal, report),
      release: made.remove,
    }
  } catch (error) {
    await made.remove()
    throw error
  }

  async function readSource(): Promise<Source> {
    const { commit, patch, message } = args
    if (commit !== undefined) return ownCommit(commit)
    if (patch === undefined || message === undefined) {
      if (!heads.has(ref)) throw new GateError('ERR_GIT_NOTHING', { detail: 'The branch is not there.' })
      return { git: copy, to: undefined, judged: { to: null }, remove: async () => {} }
    }
    const base = await readBase(copy, args.base ?? ref, heads)
    const folder = await repositories.temporary()
    try {
      const { git, oid, tree } = await applyPatch(copy, { patch, message, base }, folder.dir, settings)
      // The commit has the time in it, and so another id each time that it is made; all else of it is the same.
      return { git, to: oid, judged: { tree, base, message, author: { ...settings.author } }, remove: folder.remove }
    } catch (error) {
      await folder.remove()
      throw error
    }
  }

  async function ownCommit(commit: string): Promise<Source> {
    const wanted = settings.objectFormat === 'sha1' ? 40 : 64
    if (ownSpace === undefined || commit.length !== wanted) throw new GateError('ERR_GIT_COMMIT')
    const { git, touch } = await repositories.space(ownSpace)
    if (!(await isOwn(git, commit))) throw new GateError('ERR_GIT_COMMIT')
    await touch()
    return { git, to: commit, judged: { to: commit }, remove: async () => {} }
  }
}

interface Source {
  readonly git: Git
  readonly to: string | undefined
  readonly judged: Readonly<Record<string, Json>>
  remove(): Promise<void>
}

/** The commit is on a branch that this caller pushed. Knowing an id that somebody else pushed opens nothing. */
async function isOwn(git: Git, commit: string): Promise<boolean> {
  const type = await git.try(['cat-file', '-t', commit])
  if (type.code !== 0 || type.stdout.toString().trim() !== 'commit') return false
  return (
    (await git.text([
      'for-each-ref',
      '--count=1',
      `--contains=${commit}`,
      '--format=%(refname)',
      'refs/heads/agent/',
    ])) !== ''
  )
}

/** The server's branches, by full name. */
async function readHeads(copy: Git): Promise<ReadonlyMap<string, string>> {
  const listed = await copy.text(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads/'])
  return new Map(
    (listed === '' ? [] : listed.split('\n')).map((line) => [
      line.slice(line.indexOf(' ') + 1),
      line.split(' ', 1)[0] ?? '',
    ]),
  )
}

async function readBase(copy: Git, base: string, heads: ReadonlyMap<string, string>): Promise<string> {
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(base)) {
    const found = await copy.try(['for-each-ref', '--count=1', `--contains=${base}`, 'refs/heads/'])
    if (found.code === 0 && found.stdout.length > 0) return base
    throw new GateError('ERR_GIT_BASE')
  }
  const oid = heads.get(readBranch(base))
  if (oid === undefined) throw new GateError('ERR_GIT_BASE')
  return oid
}

function targetOf(connection: string, settings: GitConnection): Json {
  const { url, user, hostKey = [], knownHosts = {}, objectFormat, protectedPaths } = settings
  const keys = { hostKey: [hostKey].flat(), knownHosts: { ...knownHosts } }
  return { connection, url, user, ...keys, objectFormat, protectedPaths }
}

function describeRequest(args: PushArguments, ref: string): readonly RequestField[] {
  const field = (name: string, text: string, language: RequestField['language'] = 'text'): RequestField => ({
    ...{ name, text, language, hidden: [] },
    // All of it is the caller's own words.
    literals: [{ start: 0, end: text.length }],
  })
  const fields = [field('branch', ref)]
  if (args.commit !== undefined) fields.push({ ...field('commit', args.commit), literals: [] })
  if (args.base !== undefined) fields.push(field('base', args.base))
  if (args.message !== undefined) fields.push(field('message', args.message))
  if (args.patch !== undefined) fields.push(field('patch', args.patch, 'diff'))
  if (args.force) fields.push(field('force', 'true'))
  if (args.delete === true) fields.push(field('delete', 'true'))
  return fields
}
