import type { Logger } from 'pino'
import type { Problem } from '../settings/configError.ts'
import { formatProblem } from '../settings/configError.ts'

/** What `serve` needs of a running gateway. */
interface Served {
  readonly url: string
  readonly recovered: { readonly executed: number; readonly failed: number; readonly unknown: number }
  reload(): Promise<{ readonly ok: true } | { readonly ok: false; readonly problems: readonly Problem[] }>
  stop(reason: 'signal'): Promise<void>
}

/** `countersign serve`: runs until SIGINT or SIGTERM; SIGHUP reads policies and connections again. */
export async function runServe(start: () => Promise<Served>, log: Logger): Promise<0> {
  const gateway = await start()
  const { executed, failed, unknown } = gateway.recovered
  if (executed + failed + unknown > 0) {
    log.warn({ executed, failed, unknown }, 'closed calls that the last run left open')
  }
  log.info({ url: gateway.url }, 'listening')
  const reload = () => {
    gateway.reload().then(
      (result) => {
        if (result.ok) log.info('policies and connections reloaded')
        else log.error({ problems: result.problems.map(formatProblem) }, 'not reloaded: the old policies stay in force')
      },
      () => log.error('not reloaded: the old policies stay in force'),
    )
  }
  process.on('SIGHUP', reload)
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, resolve)
  })
  process.off('SIGHUP', reload)
  log.info({ signal }, 'stopping')
  await gateway.stop('signal')
  return 0
}
