/** Connecting, sending and the first line of the answer. */
const TIMEOUT_MS = 10_000
/** However long a receiver asks to be left alone. */
const LONGEST_PAUSE_MS = 10 * 60_000

/**
 * A receiver did not accept a message. Nothing of its address or answer is in here: an address can hold a secret.
 */
export class WebhookProblem extends Error {
  override readonly name = 'WebhookProblem'
  /** Undefined: no answer came. */
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined

  constructor(message: string, status?: number, retryAfterMs?: number) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** Sends one message. Only 2xx is acceptance; redirects are not followed. Throws WebhookProblem. */
export async function postEvent(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  stopping: AbortSignal,
): Promise<void> {
  // Not AbortSignal.any with AbortSignal.timeout: Node 20 collects such a signal as garbage, and it never fires.
  const ending = new AbortController()
  const end = () => ending.abort()
  const timer = setTimeout(end, TIMEOUT_MS)
  stopping.addEventListener('abort', end)
  if (stopping.aborted) end()
  let response: Response
  try {
    response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', 'user-agent': 'countersign', ...headers },
      body,
      signal: ending.signal,
    })
  } catch {
    throw new WebhookProblem('cannot be reached, or answers too slowly')
  } finally {
    clearTimeout(timer)
    stopping.removeEventListener('abort', end)
  }
  // What it says besides the status is of no use, and may have no end.
  await response.body?.cancel().catch(() => undefined)
  const { status } = response
  if (response.ok) return
  if (status >= 300 && status < 400) throw new WebhookProblem('answered with a redirect, which is not followed', status)
  throw new WebhookProblem(`answered with status ${status}`, status, retryAfter(response.headers.get('retry-after')))
}

/** The form in seconds; the one with a date is not worth trusting two clocks. */
function retryAfter(text: string | null): number | undefined {
  if (text === null || !/^\d{1,9}$/.test(text)) return undefined
  return Math.min(Number(text) * 1000, LONGEST_PAUSE_MS)
}
