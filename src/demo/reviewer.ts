import type { ReviewView } from '../approvals/review.ts'

export type Verdict = { readonly verb: 'approve' } | { readonly verb: 'deny'; readonly reason: string }

/** A person at the reviewers' API, with a token that only a login to the reviewer app gives. */
export interface DemoReviewer {
  /** The request that waits, as every surface shows it. Undefined until there is one. */
  pending(): Promise<ReviewView | undefined>
  /** Resolves with the request when somebody has decided it, wherever. Never, once the signal has aborted. */
  decided(id: string, signal: AbortSignal): Promise<ReviewView>
  decide(view: ReviewView, verdict: Verdict): Promise<void>
}

export function openReviewer(mcpUrl: string, mintToken: () => Promise<string>): DemoReviewer {
  const api = new URL('/api/approvals', mcpUrl)
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${await mintToken()}`, 'content-type': 'application/json' }
    const response = await fetch(`${api.href}${path}`, { ...init, headers })
    const body = (await response.json()) as {
      approvals?: ReviewView[]
      approval?: ReviewView
      error?: { message: string }
    }
    if (!response.ok) throw new Error(`the reviewers' API answered ${response.status}: ${body.error?.message}`)
    return body
  }
  return {
    async pending() {
      const { approvals = [] } = await ask('')
      return approvals.find(({ state }) => state === 'pending')
    },
    async decided(id, signal) {
      while (!signal.aborted) {
        const { approval } = await ask(`/${id}`)
        if (approval !== undefined && approval.state !== 'pending') return approval
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
      return await new Promise<never>(() => undefined)
    },
    async decide({ id, digest }, verdict) {
      const reason = verdict.verb === 'deny' ? { reason: verdict.reason } : {}
      await ask(`/${id}/${verdict.verb}`, { method: 'POST', body: JSON.stringify({ digest, ...reason }) })
    },
  }
}

const KEYS: Readonly<Record<string, Verdict>> = {
  a: { verb: 'approve' },
  d: { verb: 'deny', reason: 'Denied in the demo terminal.' },
}

/**
 * Waits for `a` or `d` in the terminal. Undefined when there is no terminal: then a script decides. Ctrl+C ends all.
 * Gives the terminal back when the signal aborts, and then never resolves.
 */
export function readVerdict(input: NodeJS.ReadStream, signal: AbortSignal): Promise<Verdict> | undefined {
  if (!input.isTTY) return undefined
  return new Promise((resolve) => {
    const stop = () => input.off('data', onKey).setRawMode(false).pause()
    const onKey = (data: Buffer) => {
      const key = data.toString().toLowerCase()
      const verdict = KEYS[key]
      if (key === '\u0003') process.kill(process.pid, 'SIGINT')
      if (verdict === undefined) return
      stop()
      resolve(verdict)
    }
    signal.addEventListener('abort', stop, { once: true })
    input.setRawMode(true).resume().on('data', onKey)
  })
}
