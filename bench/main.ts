import { cpus, totalmem } from 'node:os'
import { benchEndToEnd } from './endToEnd.ts'
import { benchMasking, benchTrail } from './parts.ts'
import { benchStages } from './stages.ts'
import { openSurroundings } from './workload.ts'

/** `npm run bench [-- --quick]`: measures, and prints tables. Asserts nothing: a benchmark is no test. */
const seconds = process.argv.includes('--quick') ? 2 : 8
const [cpu] = cpus()
console.log(
  `Node ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} x ${cpu?.model}, ${Math.round(totalmem() / 1024 ** 3)} GiB. Load, gateway and database share these cores.`,
)
const around = await openSurroundings()
try {
  const { p50 } = await benchEndToEnd(around, seconds)
  await benchStages(around, seconds * 100, p50)
  benchMasking(seconds / 4)
  await benchTrail(around.dir, seconds / 4)
} finally {
  await around.stop()
}
