import { GateError } from '../errors.ts'

/**
 * What the operational log may hold of an error: its kind, its code and where it happened. Never its message: drivers
 * and parsers quote values in theirs. Our own errors are written to be shown.
 */
export function errorFacts(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof GateError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.cause !== undefined && { cause: errorFacts(error.cause) }),
    }
  }
  if (!(error instanceof Error)) return { error: typeof error }
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line))
  const code =
    'code' in error && typeof error.code === 'string' && /^[A-Z0-9_]{1,40}$/.test(error.code) ? error.code : undefined
  return { error: error.name, code, at: frames.slice(0, 6).map((frame) => frame.trim()) }
}
