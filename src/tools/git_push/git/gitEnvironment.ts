import { dirname } from 'node:path'
import type { GitPrograms } from './findGit.ts'

/** Settings of git for one process, by name. Never in argv, which everybody on the machine can read. */
export type GitConfig = Readonly<Record<string, string>>

/**
 * What makes git inert: no configuration but this one, no hooks, no helpers, no filters, no editor, no prompt, no
 * garbage collection behind our back, no protocol but those that are asked for. What stands in a repository (attributes,
 * .gitmodules, .lfsconfig) is data: all repositories here are bare, so nothing is ever checked out.
 */
const INERT: GitConfig = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.attributesFile': '/dev/null',
  'core.excludesFile': '/dev/null',
  'core.askPass': '',
  'core.sshCommand': '/bin/false',
  'core.protectHFS': 'true',
  'core.protectNTFS': 'true',
  // Blobs over this are streamed to disk, never held in memory.
  'core.bigFileThreshold': '1m',
  'core.packedGitWindowSize': '16m',
  'core.packedGitLimit': '256m',
  'core.deltaBaseCacheLimit': '32m',
  'pack.threads': '1',
  'pack.windowMemory': '64m',
  'credential.helper': '',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'receive.autogc': 'false',
  'fetch.recurseSubmodules': 'false',
  'push.recurseSubmodules': 'no',
  'push.followTags': 'false',
  'push.gpgSign': 'false',
  'submodule.recurse': 'false',
  'commit.gpgSign': 'false',
  'log.showSignature': 'false',
  'http.followRedirects': 'false',
  'http.proxy': '',
  'http.emptyAuth': 'false',
  'http.lowSpeedLimit': '1',
  'http.lowSpeedTime': '60',
  'protocol.allow': 'never',
  'uploadpack.allowFilter': 'true',
  'transfer.advertiseSID': 'false',
  'init.defaultBranch': 'main',
  'advice.detachedHead': 'false',
}

/** Nobody but git itself may say what is in these. */
export function gitEnvironment(
  { git }: GitPrograms,
  config: GitConfig = {},
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const entries = Object.entries({ ...INERT, ...config })
  return {
    PATH: `${dirname(git)}:/usr/bin:/bin`,
    HOME: '/nonexistent',
    XDG_CONFIG_HOME: '/nonexistent',
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    SSH_ASKPASS: '/bin/false',
    GIT_SSH: '/bin/false',
    GIT_PAGER: 'cat',
    GIT_EDITOR: '/bin/false',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_CONFIG_COUNT: String(entries.length),
    ...Object.fromEntries(
      entries.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
    ...more,
  }
}

export interface ResourceLimits {
  /** Bytes of address space. */
  readonly memory: number
  /** Bytes of any file that it writes. */
  readonly fileSize: number
}

/** 4 GiB of address space is far more than git touches with the settings above, and far less than a bomb wants. */
const ORDINARY_LIMITS: ResourceLimits = { memory: 4 * 1024 ** 3, fileSize: 8 * 1024 ** 3 }

/** The command line that runs git under limits; without `prlimit` there are none but git's own. */
export function limited(
  { git, prlimit }: GitPrograms,
  args: readonly string[],
  limits: ResourceLimits = ORDINARY_LIMITS,
): readonly [program: string, args: readonly string[]] {
  if (prlimit === undefined) return [git, args]
  return [prlimit, [`--as=${limits.memory}`, `--fsize=${limits.fileSize}`, '--core=0', '--', git, ...args]]
}
