/** Aborts at the first Ctrl+C, so that a command that waits can say so and end. */
export function abortOnInterrupt(): AbortSignal {
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  return interrupted.signal
}
