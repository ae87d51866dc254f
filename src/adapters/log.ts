import { pino } from 'pino'

/** The operational log: JSON lines for machines. It is not the trail, and holds no request, result or credential. */
export function openLog(stream: NodeJS.WritableStream, level = process.env.COUNTERSIGN_LOG ?? 'info') {
  return pino({ level, base: null, timestamp: () => `,"at":"${new Date().toISOString()}"` }, stream)
}
