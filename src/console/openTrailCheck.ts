import { stat } from 'node:fs/promises'
import { listTrailFiles } from '../audit/files.ts'
import { type ChainReport, verifyTrail } from '../audit/verify.ts'
import type { TrailParts } from './ports.ts'

export type TrailState =
  | { readonly kind: 'never' }
  | { readonly kind: 'running' }
  | { readonly kind: 'checked'; readonly at: number; readonly reports: readonly ChainReport[] }
  /** Larger than a check from a web page should be. */
  | { readonly kind: 'too-large'; readonly at: number; readonly bytes: number }
  | { readonly kind: 'failed'; readonly at: number }

export interface TrailCheck {
  state(): TrailState
  /** Begins a check, unless one is running or was just made. Resolves when it is over. Never rejects. */
  run(): Promise<void>
}

/** Reading more than this takes the gateway minutes: `countersign audit verify` does it elsewhere. */
const MAX_BYTES = 1024 ** 3
const PAUSE_MS = 5_000

/** Verifies the trail when somebody asks, one check at a time, and remembers what the last one found. */
export function openTrailCheck(
  { dir, readProofs }: TrailParts,
  clock: () => number,
  onProblem: (error: unknown) => void,
): TrailCheck {
  let state: TrailState = { kind: 'never' }
  let running: Promise<void> | undefined

  async function check(): Promise<void> {
    const bytes = await sizeOf(dir)
    if (bytes > MAX_BYTES) {
      state = { kind: 'too-large', at: clock(), bytes }
      return
    }
    // The proofs first: records that come while the files are read lie behind them.
    const proofs = await readProofs()
    state = { kind: 'checked', reports: await verifyTrail(dir, proofs), at: clock() }
  }

  return {
    state: () => (running === undefined ? state : { kind: 'running' }),
    run() {
      const isFresh = 'at' in state && clock() - state.at < PAUSE_MS
      if (running === undefined && isFresh) return Promise.resolve()
      running ??= check()
        .catch((error: unknown) => {
          onProblem(error)
          state = { kind: 'failed', at: clock() }
        })
        .finally(() => {
          running = undefined
        })
      return running
    },
  }
}

async function sizeOf(dir: string): Promise<number> {
  let bytes = 0
  for (const files of (await listTrailFiles(dir)).values()) {
    for (const { path } of files) bytes += (await stat(path)).size
  }
  return bytes
}
