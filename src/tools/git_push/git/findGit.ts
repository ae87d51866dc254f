import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { GateError } from '../../../errors.ts'
import { runProcess } from './runProcess.ts'

/** The programs that a connection of type git works with. */
export interface GitPrograms {
  /** Absolute path. */
  readonly git: string
  readonly version: string
  /** util-linux `prlimit`, which bounds memory and file sizes; undefined where it is not installed. */
  readonly prlimit: string | undefined
}

/** Older ones lack `GIT_CONFIG_COUNT`, `--stdin` of push options, or fixes that matter for hostile repositories. */
const OLDEST = [2, 34] as const

/**
 * Looks the programs up, once for each process.
 *
 * @throws GateError ERR_GIT_MISSING
 */
export function createFindGit(path: () => string | undefined): () => Promise<GitPrograms> {
  let found: Promise<GitPrograms> | undefined
  return () => {
    found ??= look(path()).catch((error: unknown) => {
      found = undefined
      throw error
    })
    return found
  }
}

async function look(path: string | undefined): Promise<GitPrograms> {
  const git = await findProgram('git', path)
  if (git === undefined) throw new GateError('ERR_GIT_MISSING', { detail: 'There is no git in the PATH.' })
  const { code, stdout } = await runProcess(git, ['--version'], { env: {}, timeoutMs: 10_000, maxOutput: 1_024 })
  const version = /^git version (\d+)\.(\d+)[^\s]*/.exec(stdout.toString())
  const [major, minor] = [Number(version?.[1]), Number(version?.[2])]
  if (code !== 0 || version === null || major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new GateError('ERR_GIT_MISSING', { detail: `git ${OLDEST.join('.')} or later is needed.` })
  }
  return { git, version: version[0].slice('git version '.length), prlimit: await findProgram('prlimit', path) }
}

async function findProgram(name: string, path = ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue
    const file = join(folder, name)
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return file
  }
  return undefined
}
