/** The part of the SDK's Socket Mode client that is used: it must not reconnect by itself. */
export interface SocketClient {
  start(): Promise<unknown>
  disconnect(): Promise<void>
  on(event: 'connected' | 'disconnected' | 'close', listener: () => void): unknown
}

interface Pace {
  /** Until Slack has said hello. */
  readonly helloMs: number
  /** Between tries; doubles up to `slowestMs`. */
  readonly retryMs: number
  readonly slowestMs: number
}

const PACE: Pace = { helloMs: 15_000, retryMs: 1_000, slowestMs: 30_000 }

export interface KeptConnection {
  isConnected(): boolean
  stop(): void
}

/**
 * Keeps a Socket Mode connection open for as long as it runs. The SDK's own reconnecting ends the process when Slack
 * refuses (an unhandled rejection in a timer), and gives up for good in other cases; here every failure is one more try.
 */
export function keepConnected(
  client: SocketClient,
  onState: (connected: boolean, error: unknown) => void,
  pace: Partial<Pace> = {},
): KeptConnection {
  const { helloMs, retryMs, slowestMs } = { ...PACE, ...pace }
  let connected = false
  let stopped = false
  let failures = 0
  let timer: NodeJS.Timeout | undefined
  let told: string | undefined

  const tell = (state: boolean, error: unknown) => {
    const kind = `${state} ${error instanceof Error ? error.message : ''}`
    if (kind !== told) onState(state, error)
    told = kind
  }

  client.on('connected', () => {
    connected = true
    failures = 0
    tell(true, undefined)
  })
  client.on('disconnected', () => {
    if (!connected) return
    connected = false
    again(undefined)
  })

  function again(error: unknown): void {
    if (stopped) return
    tell(false, error)
    const asked = error instanceof Error && 'retryAfter' in error ? Number(error.retryAfter) * 1_000 : 0
    const pause = Math.max(asked || 0, Math.min(slowestMs, retryMs * 2 ** Math.min(failures, 10)))
    failures += 1
    clearTimeout(timer)
    timer = setTimeout(() => void connect(), pause)
    timer.unref()
  }

  async function connect(): Promise<void> {
    // A client that hangs is told to let go, which ends its start() as well.
    const impatient = setTimeout(() => void client.disconnect().catch(() => {}), helloMs)
    impatient.unref()
    try {
      await client.start()
    } catch (error) {
      if (!connected) again(error)
    } finally {
      clearTimeout(impatient)
    }
  }

  void connect()
  return {
    isConnected: () => connected,
    stop() {
      stopped = true
      connected = false
      clearTimeout(timer)
      void client.disconnect().catch(() => {})
    },
  }
}
