import { cpus, totalmem } from 'node:os'
import { benchEndToEnd } from './endToEnd.ts'
import { openSurroundings } from './workload.ts'

/** `npm run bench [-- --quick]`: measures, and prints tables. Asserts nothing: a benchmark is no test. */
const seconds = process.argv.includes('--quick') ? 2 : 8
const [cpu] = cpus()
console.log(
  `Node ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} x ${cpu?.model}, ${Math.round(totalmem() / 1024 ** 3)} GiB. Load, gateway and database share these cores.`,
)
const around = await openSurroundings()
try {
  await benchEndToEnd(around, seconds)
} finally {
  await around.stop()
}
