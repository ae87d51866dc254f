import type { Json } from '../call.ts'
import type { EventOf, TrailRecord } from './event.ts'
import { listTrailFiles, readLines } from './files.ts'
import type { Trail } from './trail.ts'

/** A call whose intent is in the trail and whose end is not. */
export interface OpenCall {
  readonly started: EventOf<'call.started'>
  /** ISO 8601, from the record of the intent. */
  readonly startedAt: string
  /** By what the target can be asked; undefined when the change cannot have become permanent through this call. */
  readonly outcomeRef: Json | undefined
}

/**
 * The calls that a crash of this replica left open, oldest first. Call it with the trail open and before the first
 * `gateway.started` of this process: everything before the last such record was closed by the start that wrote it.
 */
export async function findOpenCalls(dir: string, replica: string): Promise<readonly OpenCall[]> {
  const files = (await listTrailFiles(dir)).get(replica) ?? []
  const closed = new Set<string>()
  const refs = new Map<string, Json>()
  const open: Omit<OpenCall, 'outcomeRef'>[] = []
  for (const file of files.toReversed()) {
    const { started, ended, reachesStart } = await readCalls(file.path, refs)
    for (const call of ended) closed.add(call)
    open.unshift(...[...started.values()].filter((call) => !closed.has(call.started.call)))
    if (reachesStart) break
  }
  return open.map((call) => ({ ...call, outcomeRef: refs.get(call.started.call) }))
}

/** Closes a recovered call with what the target said: done, not done, or nobody knows. Durable before it resolves. */
export async function closeOpenCall(
  trail: Trail,
  { started, outcomeRef }: OpenCall,
  status: 'executed' | 'failed' | 'unknown',
): Promise<void> {
  const { call, session, caller, agent, tool, connection, digest, approval } = started
  await trail.append({
    event: 'call.finished',
    ...{ call, session, caller, agent, tool, connection, digest, approval },
    status,
    outcome_ref: outcomeRef,
    recovered: true,
  })
}

interface CallsOfFile {
  readonly started: Map<string, Omit<OpenCall, 'outcomeRef'>>
  readonly ended: Set<string>
  readonly reachesStart: boolean
}

async function readCalls(path: string, refs: Map<string, Json>): Promise<CallsOfFile> {
  const started: CallsOfFile['started'] = new Map()
  const ended = new Set<string>()
  let reachesStart = false
  for await (const lines of readLines(path)) {
    for (const { bytes, complete } of lines) {
      if (!complete || !MARKERS.some((marker) => bytes.includes(marker))) continue
      const record = JSON.parse(bytes.toString()) as TrailRecord
      if (record.event === 'gateway.started') {
        started.clear()
        reachesStart = true
      } else if (record.event === 'call.started') {
        started.set(record.call, { started: record, startedAt: record.at })
      } else if (record.event === 'call.committing') {
        refs.set(record.call, record.outcome_ref)
      } else if (record.event === 'call.finished') {
        started.delete(record.call)
        ended.add(record.call)
      }
    }
  }
  return { started, ended, reachesStart }
}

/** Cheap to look for, so that a day of records is not parsed for a handful of lines. */
const MARKERS = ['gateway.started', 'call.started', 'call.committing', 'call.finished'].map((name) =>
  Buffer.from(`"event":"${name}"`),
)
