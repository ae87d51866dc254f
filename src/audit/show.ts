import type { TrailRecord } from './event.ts'
import { listTrailFiles, readLines } from './files.ts'

/**
 * The records of one call, one approval or one session, of all replicas, in the order of their time: those that carry
 * the id, and those of the calls and approvals that these name. Reads the files twice, in constant memory apart from
 * what it returns. Proves nothing: that is for verify.
 */
export async function collectRecords(dir: string, id: string): Promise<readonly TrailRecord[]> {
  const direct = await readRecords(dir, (record) => idsOf(record).includes(id), Buffer.from(`"${id}"`))
  const linked = new Set(direct.flatMap(({ call, approval }) => [call, approval]))
  linked.delete(undefined)
  if (linked.size === 0) return direct
  const records = await readRecords(dir, ({ call, approval, session }) => {
    return session === id || linked.has(call) || linked.has(approval)
  })
  return records.toSorted((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)))
}

/** A record, with the ids that only some events have. */
type LinkedRecord = TrailRecord & { readonly call?: string; readonly approval?: string; readonly session?: string }

function idsOf({ call, approval, session }: LinkedRecord): readonly (string | undefined)[] {
  return [call, approval, session]
}

async function readRecords(
  dir: string,
  wanted: (record: LinkedRecord) => boolean,
  marker = Buffer.from('"call":"'),
): Promise<LinkedRecord[]> {
  const found: LinkedRecord[] = []
  for (const files of (await listTrailFiles(dir)).values()) {
    for (const { path } of files) {
      for await (const lines of readLines(path)) {
        for (const { bytes, complete } of lines) {
          if (!complete || !(bytes.includes(marker) || bytes.includes('"approval":"'))) continue
          const record = parseRecord(bytes)
          if (record !== undefined && wanted(record)) found.push(record)
        }
      }
    }
  }
  return found
}

/** A damaged line is for verify to report; the others are still worth showing. */
function parseRecord(bytes: Buffer): LinkedRecord | undefined {
  try {
    const value = JSON.parse(bytes.toString()) as LinkedRecord | null
    return typeof value?.event === 'string' && typeof value.at === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
