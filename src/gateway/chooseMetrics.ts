import type { Config } from '../config/loadConfig.ts'
import { GATE_TOOLS } from '../gateTools/gateTools.ts'
import type { Tool } from '../tools/tool.ts'
import { type Metrics, NO_METRICS } from './metrics.ts'

/** Metrics for those who asked for them; the library is loaded then. */
export async function chooseMetrics({ server }: Config, tools: readonly Tool[]): Promise<Metrics> {
  if (server.metrics === undefined) return NO_METRICS
  const { openMetrics } = await import('./openMetrics.ts')
  return openMetrics([...tools, ...GATE_TOOLS].map(({ name }) => name))
}
