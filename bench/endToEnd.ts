import { type BenchProcess, startProcess, type Usage } from './childProcess.ts'
import type { Load, Measured } from './loadProcess.ts'
import { ms, printTable, whole } from './tables.ts'
import { COUNTER, callOf2025, callOf2026, NEW_READ, READ, type Surroundings, WRITE } from './workload.ts'

const CALLERS = [1, 16, 64] as const

/** The gate beside a bare server, in the same run: latency, throughput, memory. Answers the median at one caller. */
export async function benchEndToEnd(around: Surroundings, seconds: number): Promise<{ readonly p50: number }> {
  const { database, barePort: port, configPath, gatewayUrl, token } = around
  const processes: BenchProcess[] = []
  try {
    const bare = await startProcess('bareProcess', { port, database })
    processes.push(bare)
    const gateway = await startProcess('gatewayProcess', { configPath }, ['--expose-gc'])
    processes.push(gateway)
    const loader = await startProcess('loadProcess', null)
    processes.push(loader)

    const bareUrl = `http://127.0.0.1:${port}/`
    const run = (load: Load) => loader.ask<Measured>(load)
    // Wall-clock times are those of a machine that others use too; CPU time a call is nearly not.
    const runOn = async (server: BenchProcess, load: Load): Promise<Costed> => {
      const before = await server.ask<Usage>('cpu')
      const measured = await run(load)
      const after = await server.ask<Usage>('cpu')
      return { ...measured, cpuMs: (after.cpuMs - before.cpuMs) / measured.requests }
    }
    const { memory: idle } = await gateway.ask<Usage>('memory')
    // A gateway runs for weeks: a few thousand calls until its code is compiled are not what is measured.
    const warmUp = { callers: 8, seconds: 8 }
    await run({ url: bareUrl, ...callOf2025(token, READ), ...warmUp, seconds: 2 })
    await run({ url: gatewayUrl, ...callOf2025(token, READ), ...warmUp })
    await run({ url: gatewayUrl, ...callOf2026(token, READ), ...warmUp })

    const rows: string[][] = []
    let first = { p50: Number.NaN }
    for (const callers of CALLERS) {
      const plain = await runOn(bare, { url: bareUrl, ...callOf2025(token, READ), callers, seconds })
      const gated = await runOn(gateway, { url: gatewayUrl, ...callOf2025(token, READ), callers, seconds })
      const modern = await runOn(gateway, { url: gatewayUrl, ...callOf2026(token, READ), callers, seconds })
      if (callers === 1) first = { p50: gated.p50 }
      rows.push(rowOf('bare node:http + pg', callers, plain, plain))
      rows.push(rowOf('gate, 2025 protocols', callers, gated, plain))
      rows.push(rowOf('gate, 2026-07-28', callers, modern, plain))
    }
    const { memory: loaded } = await gateway.ask<Usage>('memory')
    printTable(
      'One read of 8 rows through the whole gate, and through a server that only runs it',
      ['server', 'callers', 'p50 ms', 'p95 ms', 'p99 ms', 'added p50 ms', 'calls/s', 'of bare', 'CPU ms'],
      rows,
    )
    const always = callOf2025(token, NEW_READ)
    const newRows: string[][] = []
    for (const callers of [1, 16]) {
      const load = { ...always, counter: COUNTER, callers, seconds }
      const plain = await runOn(bare, { url: bareUrl, ...load })
      newRows.push(rowOf('bare node:http + pg', callers, plain, plain))
      newRows.push(rowOf('gate', callers, await runOn(gateway, { url: gatewayUrl, ...load }), plain))
    }
    printTable(
      'The same read with a text that never came before: parsed, analysed by the server and judged in full',
      ['server', 'callers', 'p50 ms', 'p95 ms', 'p99 ms', 'added p50 ms', 'calls/s', 'of bare', 'CPU ms'],
      newRows,
    )
    const write = await run({ url: gatewayUrl, ...callOf2025(token, WRITE), callers: 1, seconds })
    const writes = await run({ url: gatewayUrl, ...callOf2025(token, WRITE), callers: 16, seconds })
    printTable(
      'An INSERT that policy allows (judged twice, committed, looked-up reference durable before COMMIT)',
      ['callers', 'p50 ms', 'p95 ms', 'p99 ms', 'calls/s'],
      [
        ['1', ms(write.p50), ms(write.p95), ms(write.p99), whole(write.perSecond)],
        ['16', ms(writes.p50), ms(writes.p95), ms(writes.p99), whole(writes.perSecond)],
      ],
    )
    const MiB = (bytes: number) => `${whole(bytes / 1024 ** 2)} MiB`
    printTable(
      'Memory of the gateway',
      ['when', 'resident', 'heap used'],
      [
        ['idle, before the first call', MiB(idle.rss), MiB(idle.heapUsed)],
        ['after the load above', MiB(loaded.rss), MiB(loaded.heapUsed)],
      ],
    )
    return first
  } finally {
    for (const process of processes.reverse()) await process.stop()
  }
}

interface Costed extends Measured {
  /** CPU time of the server's process for one call, all threads. */
  readonly cpuMs: number
}

function rowOf(server: string, callers: number, measured: Costed, bare: Costed): string[] {
  const { p50, p95, p99, perSecond, cpuMs } = measured
  const added = measured === bare ? '' : ms(p50 - bare.p50)
  const ratio = measured === bare ? '' : `1/${(bare.perSecond / perSecond).toFixed(1)}`
  return [server, String(callers), ms(p50), ms(p95), ms(p99), added, whole(perSecond), ratio, ms(cpuMs)]
}
