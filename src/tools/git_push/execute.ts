import * as z from 'zod'
import type { Json } from '../../call.ts'
import { GateError } from '../../errors.ts'
import type { Report, ToolOutput } from '../tool.ts'
import type { Git } from './git/git.ts'
import type { ProcessResult } from './git/runProcess.ts'
import { REMOTE, runAtUpstream, type UpstreamParts, upstreamFailure } from './git/upstream.ts'
import type { JudgedPush } from './judgePush.ts'
import { pullRequestUrl } from './pullRequestUrl.ts'
import type { GitConnection } from './settings.ts'

/** By which the outcome of a push is looked up. */
const outcomeRef = z.object({
  ref: z.string().startsWith('refs/heads/'),
  from: z.string().nullable(),
  to: z.string().nullable(),
  /** Milliseconds since 1970. */
  at: z.number(),
})

/**
 * Pushes exactly what was judged, under the condition that the branch is still where it was judged: the server itself
 * compares, so of two pushes that race for one branch one is turned away.
 *
 * @throws GateError ERR_GIT_MOVED, ERR_GIT_REJECTED, ERR_TARGET_*, ERR_OUTCOME_UNKNOWN
 */
export async function executePush(
  git: Git,
  push: JudgedPush,
  settings: GitConnection,
  parts: UpstreamParts,
  beforeCommit: (outcomeRef: Json) => Promise<void>,
  signal: AbortSignal,
  report: Report | undefined,
): Promise<ToolOutput> {
  const { ref, from, to, commits } = push
  await beforeCommit({ ref, from: from ?? null, to: to ?? null, at: Date.now() })
  report?.(`pushing ${commits.length} commits`)
  const pushed = await runAtUpstream(git, settings, parts, {
    service: 'git-receive-pack',
    args: [
      ...['push', '--porcelain', '--no-verify', '--no-follow-tags', '--recurse-submodules=no', '--no-signed'],
      ...['--no-progress', `--force-with-lease=${ref}:${from ?? ''}`, '--', REMOTE, `${to ?? ''}:${ref}`],
    ],
    signal,
  })
  const verdict = readVerdict(pushed, ref)
  if (verdict === 'done') return toOutput(push, settings)
  if (verdict instanceof GateError) throw verdict
  const now = await readHead(git, settings, parts, ref).catch(() => 'unreadable')
  if (now === to) return toOutput(push, settings)
  // It was sent, or may have been; the server may still be at it.
  throw new GateError('ERR_OUTCOME_UNKNOWN', { detail: 'The connection was lost during the push.' })
}

/** The server's answer for the ref, a failure before anything was sent, or undefined when neither is sure. */
function readVerdict(result: ProcessResult, ref: string): 'done' | GateError | undefined {
  const line = result.stdout
    .toString()
    .split('\n')
    .find((text) => text.split('\t')[1]?.endsWith(`:${ref}`) === true)
  const [flag, , summary = ''] = line?.split('\t') ?? []
  if (flag === '!') {
    if (/stale info|fetch first|remote ref (?:updated|changed)|failed to update ref|cannot lock ref/.test(summary)) {
      return new GateError('ERR_GIT_MOVED')
    }
    if (summary.startsWith('[remote failure]')) return undefined
    return new GateError('ERR_GIT_REJECTED', { detail: wordsOf(summary, result.stderr) })
  }
  if (flag !== undefined && result.code === 0) return 'done'
  if (result.code === 0 && flag === undefined) return undefined
  if (result.stopped !== undefined) return undefined
  const failure = upstreamFailure(result)
  const isBeforeAnything =
    failure.code === 'ERR_TARGET_CREDENTIALS' ||
    failure.code === 'ERR_TARGET_FAILED' ||
    /Could not resolve|Failed to connect|Connection refused|certificate|unable to access/i.test(result.stderr)
  return isBeforeAnything && !/RPC failed|the remote end hung up|send-pack/i.test(result.stderr) ? failure : undefined
}

const LONGEST = 500

/** What the server said, as text: no addresses of ours, no control characters. Detectors look at it later. */
function wordsOf(summary: string, stderr: string): string {
  const said = stderr
    .split('\n')
    .filter((line) => line.startsWith('remote:'))
    .map((line) => line.slice('remote:'.length).trim())
  const text = [summary, ...said]
    .join(' ')
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/\/\/[^\s/@]+@/g, '//')
  return `The server says: ${text.slice(0, LONGEST)}`
}

function toOutput(push: JudgedPush, settings: GitConnection): ToolOutput {
  const { ref, from, to, kind, commits } = push
  const url = to === undefined ? undefined : pullRequestUrl(settings, ref)
  return {
    table: undefined,
    facts: {
      branch: ref,
      kind,
      commit: to ?? null,
      before: from ?? null,
      commits: commits.length,
      ...(url !== undefined && { pull_request_url: url }),
    },
    command: kind === 'delete' ? 'delete' : 'push',
    rowsChanged: undefined,
    truncated: false,
    caps: { maxRows: 1, maxBytes: 64 * 1024 },
    masked: [],
  }
}

/**
 * Where a branch of the server is; undefined when it is not there.
 *
 * @throws GateError ERR_TARGET_*
 */
async function readHead(
  git: Git,
  settings: GitConnection,
  parts: UpstreamParts,
  ref: string,
): Promise<string | undefined> {
  const listed = await runAtUpstream(git, settings, parts, {
    service: 'git-upload-pack',
    args: ['ls-remote', '--refs', '--quiet', '--', REMOTE, ref],
  })
  if (listed.code !== 0) throw upstreamFailure(listed)
  const line = listed.stdout
    .toString()
    .split('\n')
    .find((text) => text.endsWith(`\t${ref}`))
  return line?.split('\t')[0]
}

/** A server may go on with a push for so long after the gateway has died. */
const SETTLED_MS = 15_000

/** What became of a push whose gateway died: where the branch is now says it, once nothing can be under way any more. */
export async function lookUpPush(
  git: Git,
  settings: GitConnection,
  parts: UpstreamParts,
  reference: Json,
): Promise<'committed' | 'aborted' | 'in-progress' | 'unknown'> {
  const parsed = outcomeRef.safeParse(reference)
  if (!parsed.success) return 'unknown'
  const { ref, from, to, at } = parsed.data
  const now = (await readHead(git, settings, parts, ref)) ?? null
  if (now === to) return 'committed'
  if (now !== from) return 'unknown'
  return Date.now() - at < SETTLED_MS ? 'in-progress' : 'aborted'
}
