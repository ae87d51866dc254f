import { mkdir } from 'node:fs/promises'
import { toLine } from '../audit/chain.ts'
import type { TrailEvent } from '../audit/event.ts'
import { MAX_LINE, trailFile } from '../audit/files.ts'
import type { AuditSettings } from '../audit/settings.ts'
import type { SigningKey } from '../audit/signingKey.ts'
import type { Appended, Head, Trail } from '../audit/trail.ts'
import { GateError } from '../errors.ts'
import { openChainWriter, type Written } from './jsonlTrailChain.ts'
import { lockTrail } from './jsonlTrailLock.ts'
import { openDiskReserve } from './jsonlTrailReserve.ts'
import { findTail } from './jsonlTrailTail.ts'

/** How long a buffered event may wait for company before it costs an fsync of its own. */
const BUFFER_MS = 50
/** An outage is probed by the calls that come in, at most this often. */
const PROBE_MS = 500
/** Bounds one write and the memory it needs; what is over waits for the next one. */
const BATCH = 2_048
/** Buffered events kept over an outage. Without a bound, an outage under load would end in a crash. */
const KEPT_EVENTS = 5_000

/** Characters of an event: in UTF-8 still a line that readers take. */
const MAX_EVENT = MAX_LINE / 4

export interface JsonlTrailOptions {
  readonly settings: AuditSettings
  readonly replica: string
  readonly key: SigningKey
  /** Remembers the head outside of the trail's folder. Called after the records are durable; a failure is only reported. */
  readonly saveHead: (head: Head) => Promise<void>
  /** The head that `saveHead` remembered before. Records missing up to it become a `trail.cut` record. */
  readonly expectedHead?: Head | undefined
  /** For the operational log. */
  readonly onProblem: (what: string, cause: unknown) => void
  readonly now?: () => Date
}

interface Waiting extends Written {
  /** The end of a call: what already ran is closed even out of the reserve. */
  readonly isEnd: boolean
  readonly settle: { resolve(appended: Appended): void; reject(error: GateError): void } | undefined
}

interface Outage {
  readonly since: Date
  readonly error: string
  lastProbe: number
  turnedAway: number
  lost: number
}

/**
 * The trail as JSONL files with a hash chain, one writer per replica. Group commit: everything that arrives while one
 * fsync runs shares the next. Rejects with ERR_AUDIT when the folder cannot be written, has another writer, or ends in
 * a damaged record.
 */
export async function openJsonlTrail(options: JsonlTrailOptions): Promise<Trail> {
  const { settings, replica, onProblem, now = () => new Date() } = options
  await mkdir(settings.dir, { recursive: true, mode: 0o700 }).catch(refuse)
  const unlock = await lockTrail(settings.dir, replica)
  const reserve = openDiskReserve(settings.dir, replica, settings.reserve)
  const chain = await open().catch((error: unknown) => {
    unlock()
    return refuse(error)
  })

  let queue: Waiting[] = []
  let running: Promise<void> | undefined
  let bufferTimer: NodeJS.Timeout | undefined
  let outage: Outage | undefined
  let closed = false

  const checkpointTimer = setInterval(() => {
    if (chain.hasUnsigned() && outage === undefined) wake(checkpoint)
  }, settings.checkpoint.every)
  checkpointTimer.unref()

  async function open() {
    await reserve.hold()
    const tail = await findTail(settings.dir, replica)
    const writer = await openChainWriter({
      ...options,
      now,
      tail,
      fileAt: (stamp) => trailFile(settings.dir, replica, stamp),
    })
    await writer.begin(options.expectedHead)
    return writer
  }

  /** One at a time: nothing but this touches the chain. */
  function wake(work: () => Promise<void> = flush): void {
    running = (running ?? Promise.resolve()).then(work).catch((error: unknown) => onProblem('audit writer', error))
  }

  async function checkpoint(): Promise<void> {
    await chain.checkpoint().catch(suspend)
  }

  async function flush(): Promise<void> {
    clearTimeout(bufferTimer)
    bufferTimer = undefined
    while (queue.length > 0) {
      const batch = queue.splice(0, BATCH)
      if (outage !== undefined && !(await resume(outage))) return await turnAway([...batch, ...queue.splice(0)])
      try {
        settle(batch, await chain.write(batch))
      } catch (error) {
        await suspend(error)
        return await turnAway([...batch, ...queue.splice(0)])
      }
    }
  }

  async function suspend(error: unknown): Promise<void> {
    const code = (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
    onProblem(`the trail cannot be written (${code})`, error)
    outage ??= { since: now(), error: code, lastProbe: Date.now(), turnedAway: 0, lost: 0 }
    await chain.restore().catch((cause: unknown) => onProblem('audit file cannot be restored', cause))
    await reserve.release().catch((cause: unknown) => onProblem('audit reserve cannot be released', cause))
  }

  /** The probe is the real thing: the reserve is back and a record about the outage is durable, or nothing has changed. */
  async function resume(current: Outage): Promise<boolean> {
    if (Date.now() - current.lastProbe < PROBE_MS) return false
    current.lastProbe = Date.now()
    try {
      await chain.restore()
      await reserve.hold()
      const { since, error, turnedAway, lost } = current
      const event = {
        event: 'trail.resumed',
        since: since.toISOString(),
        error,
        turned_away: turnedAway,
        lost,
      } as const
      await chain.write([{ text: toLine(event), at: now() }])
      outage = undefined
      return true
    } catch {
      await chain.restore().catch(() => undefined)
      return false
    }
  }

  /** Closes what already ran, out of the reserve; keeps what waits for nobody; rejects the rest. */
  async function turnAway(batch: readonly Waiting[]): Promise<void> {
    const closing = batch.filter(({ isEnd }) => isEnd)
    try {
      if (closing.length > 0) settle(closing, await chain.write(closing))
    } catch (error) {
      await chain.restore().catch(() => undefined)
      rejectAll(closing, error)
    }
    const rest = batch.filter(({ isEnd }) => !isEnd)
    rejectAll(rest, outage?.error)
    keep(rest.filter(({ settle }) => settle === undefined))
  }

  function rejectAll(batch: readonly Waiting[], cause: unknown): void {
    for (const { settle } of batch) {
      if (settle === undefined) continue
      if (outage !== undefined) outage.turnedAway += 1
      settle.reject(new GateError('ERR_AUDIT', { cause }))
    }
  }

  function keep(events: readonly Waiting[]): void {
    const room = Math.max(0, KEPT_EVENTS - queue.length)
    queue = [...events.slice(0, room), ...queue]
    if (outage !== undefined) outage.lost += Math.max(0, events.length - room)
    if (queue.length > 0 && !closed) bufferTimer ??= setTimeout(() => wake(), PROBE_MS)
  }

  return {
    append(event) {
      if (closed) return Promise.reject(new GateError('ERR_AUDIT', { detail: 'The trail is closed.' }))
      return new Promise((resolve, reject) => {
        // A throw in here rejects: an event that cannot be written is the mistake of its owner, not an outage.
        queue.push({ ...toWritten(event), settle: { resolve, reject } })
        wake()
      })
    },
    appendBuffered(event) {
      if (closed) return onProblem('event after the trail was closed', event.event)
      keepInOrder({ ...toWritten(event), settle: undefined })
      bufferTimer ??= setTimeout(() => wake(), outage === undefined ? BUFFER_MS : PROBE_MS)
    },
    hasRoom: async () => outage === undefined && (await reserve.hasRoomBeside().catch(() => false)),
    isWritable: () => !closed && outage === undefined,
    async close() {
      if (closed) return
      closed = true
      clearInterval(checkpointTimer)
      wake()
      wake(() => chain.end().catch((error: unknown) => onProblem('last checkpoint', error)))
      await running
      clearTimeout(bufferTimer)
      if (queue.length > 0) onProblem('events lost in an outage of the trail', queue.length)
      unlock()
    },
  }

  function toWritten(event: TrailEvent) {
    const text = toLine(event)
    if (text.length > MAX_EVENT) throw new TypeError(`An event of ${text.length} characters does not fit the trail`)
    return { text, at: now(), isEnd: event.event === 'call.finished' }
  }

  function keepInOrder(waiting: Waiting): void {
    if (outage !== undefined && queue.length >= KEPT_EVENTS) outage.lost += 1
    else queue.push(waiting)
  }
}

function settle(batch: readonly Waiting[], places: readonly Appended[]): void {
  for (const [index, { settle }] of batch.entries()) {
    const place = places[index]
    if (place !== undefined) settle?.resolve(place)
  }
}

function refuse(cause: unknown): never {
  if (cause instanceof GateError) throw cause
  throw new GateError('ERR_AUDIT', { detail: 'The audit folder cannot be written.', cause })
}
