/** Entra's key sets are about 20 KB. A longer answer is not one, and must not fill the memory. */
const LONGEST_ANSWER = 512 * 1024

/** A fetch that did not bring what was asked for. `message` is a constant of ours: nothing of the answer is in it. */
export class FetchProblem extends Error {
  override readonly name = 'FetchProblem'
  readonly status: number | undefined

  constructor(message: string, status?: number) {
    super(message)
    this.status = status
  }
}

/**
 * Fetches one JSON document from an address that the config names. Redirects are refused (an address from the config
 * must not become another one), and time and size are bounded. Throws FetchProblem.
 */
export async function fetchJson(
  url: string,
  { timeoutMs, signal, ...init }: { readonly timeoutMs: number; readonly signal: AbortSignal } & RequestInit,
): Promise<unknown> {
  // A limit of our own: on Node 20 the signals that fetch follows can be collected as garbage, and then never fire.
  const ending = new AbortController()
  let end = (): void => undefined
  const ended = new Promise<never>((_, reject) => {
    end = () => {
      ending.abort()
      reject(new FetchProblem('unreachable, redirected, or too slow'))
    }
  })
  const timer = setTimeout(end, timeoutMs)
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  try {
    return await Promise.race([fetchOnce(url, { ...init, signal: ending.signal }), ended])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

async function fetchOnce(url: string, init: RequestInit): Promise<unknown> {
  let response: Response
  try {
    response = await fetch(url, { ...init, redirect: 'error' })
  } catch {
    throw new FetchProblem('unreachable, redirected, or too slow')
  }
  if (response.status !== 200) {
    await response.body?.cancel().catch(() => undefined)
    throw new FetchProblem(`answered with status ${response.status}`, response.status)
  }
  const text = await readBounded(response)
  try {
    return JSON.parse(text)
  } catch {
    throw new FetchProblem('answered with something that is not JSON')
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength
      if (size > LONGEST_ANSWER) break
      chunks.push(chunk)
    }
  } catch {
    throw new FetchProblem('the answer broke off')
  }
  if (size > LONGEST_ANSWER) throw new FetchProblem('the answer is too long')
  return Buffer.concat(chunks).toString('utf8')
}
