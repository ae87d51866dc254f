/** A signal that ends with another one or after a time, and says which of them it was. */
export interface Deadline {
  readonly signal: AbortSignal
  readonly hasPassed: () => boolean
  /** Always called: forgets the timer and the other signal. */
  close(): void
}

/** With a timer of its own: combined signals can be collected as garbage on Node 20 before they fire. */
export function openDeadline(outer: AbortSignal, ms: number): Deadline {
  const controller = new AbortController()
  let passed = false
  const onAbort = () => controller.abort()
  const timer = setTimeout(() => {
    passed = true
    controller.abort()
  }, ms)
  if (outer.aborted) controller.abort()
  outer.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    hasPassed: () => passed,
    close() {
      clearTimeout(timer)
      outer.removeEventListener('abort', onAbort)
    },
  }
}
