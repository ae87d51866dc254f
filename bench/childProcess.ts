import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** One program of the benchmark in a process of its own, so that nobody's work is counted as somebody else's. */
export interface BenchProcess {
  readonly pid: number
  /** Sends a message and answers the next one that comes back. */
  ask<Answer>(message: unknown): Promise<Answer>
  stop(): Promise<void>
}

/** Starts `bench/<name>.js` with one JSON argument and waits until it says that it is ready. */
export async function startProcess(
  name: string,
  input: unknown,
  nodeOptions: readonly string[] = [],
): Promise<BenchProcess> {
  const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url))
  const child = fork(file, [JSON.stringify(input)], { execArgv: [...nodeOptions] })
  await next(child)
  return {
    pid: child.pid ?? 0,
    ask(message) {
      const answer = next(child)
      child.send(message as object)
      return answer as Promise<never>
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.disconnect()
      await ended
    },
  }
}

function next(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`a process of the benchmark ended with code ${code}`))
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message)
    })
  })
}

/** What a program of the benchmark gets from the one that started it. */
export function readInput<Input>(): Input {
  return JSON.parse(process.argv[2] ?? 'null') as Input
}

/** Answers every message, and says first that it is ready. The process ends when the one that started it lets go. */
export function serveParent(answer: (message: never) => unknown, onEnd: () => Promise<void>): void {
  process.on('message', (message) => {
    Promise.resolve(answer(message as never)).then(
      (result) => process.send?.(result ?? null),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
  process.once('disconnect', () => void onEnd().finally(() => process.exit(0)))
  process.send?.('ready')
}

/** What a process holds and has used by now. */
export interface Usage {
  readonly memory: NodeJS.MemoryUsage
  /** CPU time of all its threads since it began, in milliseconds. */
  readonly cpuMs: number
}

/** Collects garbage first where it can, so that memory is what is held and not what was left lying. */
export function usageNow(message: 'memory' | 'cpu'): Usage {
  if (message === 'memory') globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  return { memory: process.memoryUsage(), cpuMs: (user + system) / 1000 }
}
