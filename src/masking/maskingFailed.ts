import { GateError } from '../errors.ts'

/**
 * Masking stopped, so the output is withheld. The cause keeps where it happened and drops what the error said: engines
 * quote the value they failed on.
 */
export function maskingFailed(cause: unknown): GateError {
  if (cause instanceof GateError) return cause
  const where = new Error('masking failed')
  const frames = cause instanceof Error ? (cause.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line)) : []
  where.stack = [`${cause instanceof Error ? cause.name : typeof cause}: (message withheld)`, ...frames].join('\n')
  return new GateError('ERR_MASKING', { cause: where })
}
