import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** One file of a trail: `trail-<replica>-<stamp>.jsonl`, where the stamp is a UTC day, or a UTC hour (`2026-11-20T09`). */
export interface TrailFile {
  readonly name: string
  readonly path: string
  readonly replica: string
  readonly stamp: string
}

const NAME = /^trail-([A-Za-z0-9][A-Za-z0-9_.-]{0,62})-(\d{4}-\d{2}-\d{2}(?:T\d{2})?)\.jsonl$/

/** Longer lines are not ours: output caps keep records far below. Bounds the memory of a reader. */
export const MAX_LINE = 64 * 1024 ** 2

const CHUNK = 1024 ** 2

export function trailFile(dir: string, replica: string, stamp: string): TrailFile {
  const name = `trail-${replica}-${stamp}.jsonl`
  if (!NAME.test(name)) throw new TypeError(`Not a replica name: ${JSON.stringify(replica)}`)
  return { name, path: join(dir, name), replica, stamp }
}

/** The trail files of a folder, grouped by replica, oldest first. Throws what readdir throws. */
export async function listTrailFiles(dir: string): Promise<ReadonlyMap<string, readonly TrailFile[]>> {
  const files = (await readdir(dir)).flatMap((name) => {
    const [, replica, stamp] = NAME.exec(name) ?? []
    return replica === undefined || stamp === undefined ? [] : [{ name, path: join(dir, name), replica, stamp }]
  })
  files.sort((a, b) => (a.stamp < b.stamp ? -1 : 1))
  const byReplica = new Map<string, TrailFile[]>()
  for (const file of files) {
    const group = byReplica.get(file.replica)
    if (group === undefined) byReplica.set(file.replica, [file])
    else group.push(file)
  }
  return byReplica
}

export interface Line {
  readonly bytes: Buffer
  readonly offset: number
  /** False for bytes at the end of the file that no newline closes, and for a line longer than MAX_LINE. */
  readonly complete: boolean
}

/** Reads a file line by line in constant memory. `bytes` are only valid until the next line. */
export async function* readLines(path: string): AsyncGenerator<readonly Line[]> {
  const file = await open(path, 'r')
  try {
    const chunk = Buffer.allocUnsafe(CHUNK)
    let rest = Buffer.alloc(0)
    let offset = 0
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK)
      if (bytesRead === 0) break
      const bytes =
        rest.length === 0 ? chunk.subarray(0, bytesRead) : Buffer.concat([rest, chunk.subarray(0, bytesRead)])
      const lines: Line[] = []
      let start = 0
      for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
        lines.push({ bytes: bytes.subarray(start, end), offset: offset + start, complete: true })
        start = end + 1
      }
      yield lines
      rest = Buffer.from(bytes.subarray(start))
      offset += start
      if (rest.length > MAX_LINE) break
    }
    if (rest.length > 0) yield [{ bytes: rest, offset, complete: false }]
  } finally {
    await file.close()
  }
}
