import type { KeyObject } from 'node:crypto'
import { seal, toLine } from '../audit/chain.ts'
import type { TrailEvent } from '../audit/event.ts'
import type { TrailFile } from '../audit/files.ts'
import type { AuditSettings } from '../audit/settings.ts'
import type { SigningKey } from '../audit/signingKey.ts'
import type { Appended, Head } from '../audit/trail.ts'
import { type AppendFile, openAppendFile } from './jsonlTrailFile.ts'
import type { Tail } from './jsonlTrailTail.ts'

/** An event as text, as it was when it came: what its owner does with it later changes nothing. */
export interface Written {
  readonly text: string
  readonly at: Date
}

/** Turns events into records at the end of the chain, over files. Not concurrent: one call at a time. */
export interface ChainWriter {
  /** The first records of this process: what was found at start. */
  begin(expectedHead: Head | undefined): Promise<void>
  /** One durable write; a new file first when its time has come. The places are those of the events, in order. */
  write(batch: readonly Written[]): Promise<readonly Appended[]>
  hasUnsigned(): boolean
  checkpoint(): Promise<void>
  /** After a failed write. */
  restore(): Promise<void>
  /** The last checkpoint; resolves when its head is saved. */
  end(): Promise<void>
}

export interface ChainWriterOptions {
  readonly settings: AuditSettings
  readonly replica: string
  readonly key: SigningKey
  readonly tail: Tail
  readonly saveHead: (head: Head) => Promise<void>
  readonly onProblem: (what: string, cause: unknown) => void
  readonly fileAt: (stamp: string) => TrailFile
  readonly now: () => Date
}

export async function openChainWriter(options: ChainWriterOptions): Promise<ChainWriter> {
  const { settings, replica, key, tail, saveHead, onProblem, fileAt, now } = options
  const every = settings.checkpoint.records

  /** Only ever what is durable. */
  let place: Appended = { seq: tail.seq, hash: tail.hash }
  let lastFile = tail.file?.name
  let unsigned = 0
  let output = await openAppendFile(fileAt(laterOf(stampAt(now(), settings.rotate), tail.newest?.stamp)))
  let heads = Promise.resolve()

  async function commit(batch: readonly Written[], last?: TrailEvent) {
    const lines: string[] = []
    const places: Appended[] = []
    let { seq, hash } = place
    let sinceSigned = unsigned
    let signed = false

    const add = (text: string, at: Date, signingKey?: KeyObject): void => {
      const sealed = seal(text, seq + 1, at, hash, signingKey)
      seq += 1
      hash = sealed.hash
      lines.push(sealed.line, '\n')
      sinceSigned = signingKey === undefined ? sinceSigned + 1 : 0
      signed ||= signingKey !== undefined
    }
    const addSigned = (event: TrailEvent): void => add(toLine(event), now(), key.privateKey)

    if (output.size() === 0) addSigned(opened())
    for (const { text, at } of batch) {
      add(text, at)
      places.push({ seq, hash })
      if (sinceSigned >= every) addSigned(signedHead())
    }
    if (last !== undefined) addSigned(last)

    if (signed) await output.checkPlace()
    await output.append(Buffer.from(lines.join('')))
    place = { seq, hash }
    unsigned = sinceSigned
    lastFile = output.file.name
    if (signed) rememberHead()
    return places
  }

  function opened(): TrailEvent {
    const previous = lastFile === undefined ? undefined : { file: lastFile, seq: place.seq, hash: place.hash }
    return { event: 'trail.opened', replica, file: output.file.name, previous, every, key: key.id }
  }

  function signedHead(): TrailEvent {
    return { event: 'checkpoint', replica, every, key: key.id }
  }

  /** Calls are not held up by the store, which may write before it returns; the heads reach it in order. */
  function rememberHead(): void {
    const head = { replica, file: output.file.name, ...place }
    heads = heads
      .then(() => new Promise((resolve) => setImmediate(resolve)))
      .then(() => saveHead(head))
      .catch((error: unknown) => onProblem('trail head not saved', error))
  }

  async function rotate(): Promise<void> {
    const stamp = laterOf(stampAt(now(), settings.rotate), output.file.stamp)
    if (stamp === output.file.stamp) return
    if (unsigned > 0) await commit([], signedHead())
    const next: AppendFile = await openAppendFile(fileAt(stamp))
    if (next.size() > 0) {
      await next.close()
      throw new Error(`${next.file.name} exists already, and is not ours`)
    }
    await output.close().catch((error: unknown) => onProblem('old trail file not closed', error))
    output = next
  }

  return {
    async begin(expected) {
      // The first signature comes before anything unsigned, so that a restart cannot stretch the unproven tail.
      if (output.size() > 0) await commit([], signedHead())
      const found: TrailEvent[] = tail.torn === undefined ? [] : [tail.torn]
      if (expected !== undefined && isBehind(tail, expected)) {
        const { replica: _, ...head } = expected
        found.push({ event: 'trail.cut', expected: head, found: { seq: tail.seq, hash: tail.hash } })
      }
      await commit(found.map((event) => ({ text: toLine(event), at: now() })))
    },
    async write(batch) {
      await rotate()
      return await commit(batch)
    },
    hasUnsigned: () => unsigned > 0,
    async checkpoint() {
      if (unsigned > 0) await commit([], signedHead())
    },
    restore: () => output.restore(),
    async end() {
      try {
        if (unsigned > 0) await commit([], signedHead())
        rememberHead()
      } finally {
        await heads
        await output.close()
      }
    },
  }
}

function isBehind(tail: Tail, expected: Head): boolean {
  return tail.seq < expected.seq || (tail.seq === expected.seq && tail.hash !== expected.hash)
}

function stampAt(at: Date, rotate: AuditSettings['rotate']): string {
  return at.toISOString().slice(0, rotate === 'daily' ? 10 : 13)
}

/** A clock that goes back must not send the chain back to an older file. */
function laterOf(stamp: string, other: string | undefined): string {
  return other !== undefined && other > stamp ? other : stamp
}
