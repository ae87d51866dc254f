import type { TrailEvent } from './event.ts'

/** Where an event ended up. Durable when you hold one. */
export interface Appended {
  readonly seq: number
  readonly hash: string
}

/** The end of one replica's chain at some moment. Kept in the store, it proves that the tail was not cut. */
export interface Head {
  readonly replica: string
  readonly file: string
  readonly seq: number
  readonly hash: string
}

/**
 * The port of the trail: append-only, ordered, one writer per replica.
 *
 * While it cannot be written (disk full, folder gone), `append` rejects with ERR_AUDIT and so nothing runs. Only
 * `call.finished` is still taken, out of a disk reserve, so that what already ran can be closed.
 */
export interface Trail {
  /** Resolves once the event is durable. Rejects with ERR_AUDIT otherwise; never drops an event quietly. */
  append(event: TrailEvent): Promise<Appended>
  /**
   * For events that hold nobody up: keeps its place in the order, and is durable no later than any `append` that comes
   * after it. Kept over an outage; what does not fit in memory then is counted in `trail.resumed`.
   */
  appendBuffered(event: TrailEvent): void
  /** False while the disk has no more than the reserve left: what anyone may cause must not be written then. */
  hasRoom(): Promise<boolean>
  /** For /readyz: whether an intent could be written now, as far as is known. */
  isWritable(): boolean
  /** Writes what waits, a last checkpoint, and gives the folder free. Later appends reject. */
  close(): Promise<void>
}
