import { GateError } from '../../errors.ts'
import type { Finding, ToolParts } from '../tool.ts'
import type { GitPrograms } from './git/findGit.ts'
import { openGit } from './git/git.ts'
import { REMOTE, runAtUpstream, upstreamFailure } from './git/upstream.ts'
import type { GitConnection } from './settings.ts'

/** Looks whether git is usable and whether the server answers the account, for reading and for pushing. Changes nothing. */
export async function selfTest(
  name: string,
  settings: GitConnection | undefined,
  findGit: () => Promise<GitPrograms>,
  parts: ToolParts<GitConnection>,
): Promise<readonly Finding[]> {
  const about = `connections.${name}`
  if (settings === undefined) return []
  let programs: GitPrograms
  try {
    programs = await findGit()
  } catch (error) {
    return [{ level: 'error', about, message: messageOf(error) }]
  }
  const findings: Finding[] = []
  if (programs.prlimit === undefined) {
    findings.push({
      level: 'warning',
      about,
      message: 'prlimit (util-linux) is not installed: what a hostile push can make git use is bounded by git alone',
    })
  }
  // No repository is needed to ask a server for its branches.
  const git = openGit(programs, '/nonexistent')
  try {
    const listed = await runAtUpstream(git, settings, parts, {
      service: 'git-upload-pack',
      args: ['ls-remote', '--heads', '--quiet', '--', REMOTE],
    })
    if (listed.code !== 0) throw upstreamFailure(listed)
    const count = listed.stdout
      .toString()
      .split('\n')
      .filter((line) => line !== '').length
    findings.push({ level: 'ok', about, message: `git ${programs.version} reads ${count} branches` })
  } catch (error) {
    findings.push({ level: 'error', about, message: messageOf(error) })
  }
  return findings
}

function messageOf(error: unknown): string {
  return error instanceof GateError ? error.message : 'the repository could not be reached'
}
