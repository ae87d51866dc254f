import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { GENESIS, unseal } from '../audit/chain.ts'
import type { EventOf } from '../audit/event.ts'
import { listTrailFiles, MAX_LINE, type TrailFile } from '../audit/files.ts'
import { GateError } from '../errors.ts'
import { syncFolder } from './jsonlTrailFile.ts'

const { O_CREAT, O_NOFOLLOW, O_RDWR, O_TRUNC, O_WRONLY } = constants
const CHUNK = 1024 ** 2

/** Where the chain of a replica stands on disk. */
export interface Tail {
  readonly seq: number
  readonly hash: string
  /** The file that holds the last record; undefined at the birth of a chain. */
  readonly file: TrailFile | undefined
  /** The newest file, which may still be empty. */
  readonly newest: TrailFile | undefined
  readonly torn: EventOf<'trail.torn'> | undefined
}

/**
 * Finds the end of the chain and moves an unfinished last line aside. Rejects with ERR_AUDIT when the last whole line
 * is not a sound record: a crash does not do that, so it is for people to look at.
 */
export async function findTail(dir: string, replica: string): Promise<Tail> {
  const files = (await listTrailFiles(dir)).get(replica) ?? []
  const newest = files.at(-1)
  let torn: Tail['torn']
  for (const file of files.toReversed()) {
    const handle = await open(file.path, O_RDWR | O_NOFOLLOW)
    try {
      const end = await endOfLastLine(handle)
      if (file === newest) torn = await moveTornAside(handle, file, end)
      if (end === 0) continue
      // Whoever wrote it may have been killed before it was durable, and the next record may begin another file.
      await handle.datasync()
      return { ...readSeal(await readLastLine(handle, end), file), file, newest, torn }
    } finally {
      await handle.close()
    }
  }
  return { seq: 0, hash: GENESIS, file: undefined, newest, torn }
}

function readSeal(line: Buffer, file: TrailFile): { seq: number; hash: string } {
  const sealed = unseal(line)
  if (sealed !== undefined && sealed.actual === sealed.hash) {
    const { seq } = JSON.parse(line.toString()) as { seq: number }
    return { seq, hash: sealed.hash }
  }
  throw new GateError('ERR_AUDIT', {
    detail: `The last record of ${file.name} is damaged: run "countersign audit verify", then move the folder aside.`,
  })
}

/** The offset behind the last newline. */
async function endOfLastLine(handle: FileHandle): Promise<number> {
  return (await lastNewlineBefore(handle, (await handle.stat()).size)) + 1
}

async function readLastLine(handle: FileHandle, end: number): Promise<Buffer> {
  const start = (await lastNewlineBefore(handle, end - 1)) + 1
  const line = Buffer.alloc(end - 1 - start)
  await handle.read(line, 0, line.length, start)
  return line
}

/** The offset of the last newline in front of `end`, or -1. */
async function lastNewlineBefore(handle: FileHandle, end: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK)
  for (let high = end; high > 0; high -= CHUNK) {
    if (end - high > MAX_LINE)
      throw new GateError('ERR_AUDIT', { detail: 'The last record is longer than any record.' })
    const low = Math.max(0, high - CHUNK)
    const { bytesRead } = await handle.read(chunk, 0, high - low, low)
    const at = chunk.subarray(0, bytesRead).lastIndexOf(10)
    if (at !== -1) return low + at
  }
  return -1
}

/** Copies before it cuts, under a name made of the offset: a crash in between repeats the same step. */
async function moveTornAside(handle: FileHandle, file: TrailFile, end: number): Promise<Tail['torn']> {
  const { size } = await handle.stat()
  if (size === end) return undefined
  const movedTo = `${file.name}.${end}.torn`
  const sha256 = createHash('sha256')
  const aside = await open(`${file.path}.${end}.torn`, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
  try {
    const chunk = Buffer.alloc(CHUNK)
    for (let at = end; at < size; ) {
      const { bytesRead } = await handle.read(chunk, 0, CHUNK, at)
      const bytes = chunk.subarray(0, bytesRead)
      sha256.update(bytes)
      await aside.writeFile(bytes)
      at += bytesRead
    }
    await aside.sync()
  } finally {
    await aside.close()
  }
  await syncFolder(dirname(file.path))
  await handle.truncate(end)
  await handle.datasync()
  return {
    event: 'trail.torn',
    file: file.name,
    bytes: size - end,
    sha256: `sha256:${sha256.digest('hex')}`,
    moved_to: movedTo,
  }
}
