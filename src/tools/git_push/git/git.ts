import { GateError } from '../../../errors.ts'
import type { GitPrograms } from './findGit.ts'
import { type GitConfig, gitEnvironment, limited, type ResourceLimits } from './gitEnvironment.ts'
import { type ProcessResult, runProcess } from './runProcess.ts'

export interface GitOptions {
  readonly config?: GitConfig
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: Uint8Array | string
  readonly timeoutMs?: number
  readonly maxOutput?: number
  readonly limits?: ResourceLimits
  readonly signal?: AbortSignal
}

/** git on one bare repository. */
export interface Git {
  readonly dir: string
  readonly programs: GitPrograms
  /** What its processes have in their environment beside the ordinary. */
  readonly env: Readonly<Record<string, string>>
  /** Runs it and says how it ended. */
  try(args: readonly string[], options?: GitOptions): Promise<ProcessResult>
  /** Runs it and answers its output. Throws ERR_GIT_LIMIT or ERR_INTERNAL when it does not succeed. */
  run(args: readonly string[], options?: GitOptions): Promise<Buffer>
  /** The same, as text without the last line break. */
  text(args: readonly string[], options?: GitOptions): Promise<string>
}

const TIMEOUT_MS = 60_000
const MAX_OUTPUT = 64 * 1024 ** 2
/** What git says when the kernel gives it no more. */
const OUT_OF_MEMORY = /^fatal: .*(?:out of memory|mmap failed)/im

export function openGit(programs: GitPrograms, dir: string, env: Readonly<Record<string, string>> = {}): Git {
  const attempt: Git['try'] = (args, options = {}) => {
    const [program, argv] = limited(programs, args, options.limits)
    return runProcess(program, argv, {
      env: gitEnvironment(programs, options.config, { ...env, GIT_DIR: dir, ...options.env }),
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      maxOutput: options.maxOutput ?? MAX_OUTPUT,
      ...(options.stdin !== undefined && { stdin: options.stdin }),
      ...(options.signal !== undefined && { signal: options.signal }),
    })
  }
  const run: Git['run'] = async (args, options) => {
    const { code, stdout, stderr, stopped } = await attempt(args, options)
    if (code === 0) return stdout
    if (OUT_OF_MEMORY.test(stderr)) throw new GateError('ERR_GIT_LIMIT', { detail: 'It is too much to be judged.' })
    if (stopped === 'output') throw new GateError('ERR_GIT_LIMIT', { detail: 'It is too much to be judged.' })
    if (stopped === 'timeout') throw new GateError('ERR_GIT_LIMIT', { detail: 'It takes too long to be judged.' })
    if (stopped === 'signal') throw new GateError('ERR_CANCELLED')
    throw new GateError('ERR_INTERNAL', {
      cause: new Error(`git ${args[0]} ended with ${code}: ${stderr.slice(0, 500)}`),
    })
  }
  return {
    dir,
    programs,
    env,
    try: attempt,
    run,
    text: async (args, options) => (await run(args, options)).toString().trimEnd(),
  }
}
