import { openLog } from '../src/adapters/log.ts'
import { startGateway } from '../src/startGateway.ts'
import { readInput, serveParent, usageNow } from './childProcess.ts'

/** The gateway as `countersign serve` starts it; only its limits per caller are out of the way of a load test. */
const WIDE = { perSecond: 1e9, burst: 1e9 }
const { configPath } = readInput<{ configPath: string }>()
const gateway = await startGateway({
  configPath,
  log: openLog(process.stderr, 'error'),
  limits: { caller: WIDE, refusals: WIDE, concurrent: { perKey: 1_000, total: 1_000 } },
})
serveParent(usageNow, () => gateway.stop('request'))
