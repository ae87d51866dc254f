import type { KeyObject } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { GENESIS, isSignedBy, unseal } from './chain.ts'
import { listTrailFiles, readLines, type TrailFile } from './files.ts'
import type { Head } from './trail.ts'

export type BreakKind =
  /** Not a record. */
  | 'json'
  /** The bytes of the record do not have its hash: it was edited. */
  | 'hash'
  /** The record does not link to the one before it. */
  | 'link'
  /** Records are missing here. */
  | 'gap'
  | 'duplicate'
  /** The missing record comes later. */
  | 'reorder'
  /** A second chain begins where the first should go on. */
  | 'restart'
  /** A checkpoint that was edited, or that the key did not sign. */
  | 'checkpoint'
  /** More records without a checkpoint than the last one allows. */
  | 'missing-checkpoint'
  | 'missing-file'
  /** The last line has no end. */
  | 'torn'
  /** The trail ends before the head that the store remembers. */
  | 'truncated'
  /** Another record than the head says stands at its place: the chain was made anew. */
  | 'head'
  /** The gateway found at a start that records were gone, and said so in the chain. */
  | 'cut'

export interface TrailBreak {
  readonly kind: BreakKind
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly message: string
}

/** What is known about the trail of one replica. */
export interface ChainReport {
  readonly replica: string
  readonly files: readonly string[]
  readonly records: number
  readonly break: TrailBreak | undefined
  /** Nobody without the key (or the store) can have changed anything up to here. 0: nothing is proven. */
  readonly provenTo: number
  readonly provenBy: 'head' | 'checkpoint' | 'nothing'
  /** The last sound record. */
  readonly lastSeq: number
  readonly lastAt: string | undefined
  /** Unsound signatures apart, these keys signed and were not given. */
  readonly unknownKeys: readonly string[]
  /** Torn lines that crashes left and that the chain records. */
  readonly torn: number
}

export interface VerifyOptions {
  /** By id. Empty: signatures are not checked, and checkpoints prove nothing. */
  readonly publicKeys: ReadonlyMap<string, KeyObject>
  readonly heads: readonly Head[]
  /** Accept that the oldest files were archived: the proof begins at the first file that is here. */
  readonly archived?: boolean
}

/** Reads a folder of trails, once, in constant memory. Changes nothing. Throws only when files cannot be read. */
export async function verifyTrail(dir: string, options: VerifyOptions): Promise<readonly ChainReport[]> {
  const chains = await listTrailFiles(dir)
  const reports: ChainReport[] = []
  for (const [replica, files] of chains) reports.push(await verifyChain(replica, files, options))
  for (const head of options.heads.filter(({ replica }) => !chains.has(replica))) {
    const lost = { kind: 'missing-file', file: head.file, line: 1, message: 'no file of this replica is here' } as const
    reports.push({ ...emptyReport(head.replica), break: lost })
  }
  return reports
}

function emptyReport(replica: string): ChainReport {
  return {
    replica,
    files: [],
    records: 0,
    break: undefined,
    provenTo: 0,
    provenBy: 'nothing',
    lastSeq: 0,
    lastAt: undefined,
    unknownKeys: [],
    torn: 0,
  }
}

interface Fields {
  readonly seq: number
  readonly prev: string
  readonly at: string
  readonly event: string
  readonly replica?: string
  readonly file?: string
  readonly previous?: { readonly file: string; readonly seq: number; readonly hash: string }
  readonly every?: number
  readonly key?: string
}

type Stop = (kind: BreakKind, message: string) => void

async function verifyChain(replica: string, files: readonly TrailFile[], options: VerifyOptions): Promise<ChainReport> {
  const { publicKeys, archived = false } = options
  const head = options.heads.find((candidate) => candidate.replica === replica)
  const unknownKeys = new Set<string>()
  let last = { seq: 0, hash: GENESIS, at: undefined as string | undefined }
  let lastFile: string | undefined
  let records = 0
  let torn = 0
  let signedSeq = 0
  let headMet = false
  let allowed = Number.POSITIVE_INFINITY
  let sinceSigned = 0
  let broken: TrailBreak | undefined
  /** The place where a record is missing; kept open until the file ends, because the record may come later. */
  let missing: { seq: number; until: number; found: TrailBreak } | undefined

  function checkRecord(bytes: Buffer, file: TrailFile, line: number, stop: Stop): void {
    const fields = parseFields(bytes)
    const sealed = unseal(bytes)
    if (fields === undefined || sealed === undefined) return stop('json', 'this line is not a record')
    const signs = fields.event === 'checkpoint' || fields.event === 'trail.opened'
    if (sealed.actual !== sealed.hash) {
      return stop(signs ? 'checkpoint' : 'hash', `record ${fields.seq} was edited: its bytes do not have its hash`)
    }
    if (line === 1) {
      if (fields.event !== 'trail.opened') return stop('gap', 'the first record of the file is missing')
      if (fields.file !== file.name) return stop('missing-file', `this file was ${fields.file}`)
      if (records === 0 && fields.seq > 1) {
        if (!archived) return stop('missing-file', `the file before this one, ${fields.previous?.file}, is not here`)
        last = { seq: fields.seq - 1, hash: fields.prev, at: undefined }
      } else if (fields.seq > last.seq + 1 && fields.previous?.file !== lastFile) {
        return stop('missing-file', `the file before this one, ${fields.previous?.file}, is not here`)
      }
    }
    if (fields.seq !== last.seq + 1) return placeOf(fields, stop)
    if (fields.prev !== last.hash) return stop('link', `record ${fields.seq} does not link to the record before it`)
    if (signs && !checkSignature(fields, sealed.body, stop)) return
    last = { seq: fields.seq, hash: sealed.hash, at: fields.at }
    records += 1
    if (fields.event === 'trail.torn') torn += 1
    if (fields.event === 'trail.cut') return stop('cut', 'at this start the gateway found records missing before it')
    if (head !== undefined && fields.seq === head.seq) {
      if (sealed.hash !== head.hash) return stop('head', `record ${fields.seq} is not the one that the store remembers`)
      headMet = true
    }
    if (!signs) {
      sinceSigned += 1
      if (sinceSigned > allowed) stop('missing-checkpoint', `more than ${allowed} records without a checkpoint`)
    }
  }

  function placeOf(fields: Fields, stop: Stop): void {
    const expected = last.seq + 1
    if (fields.seq > expected) return stop('gap', `records ${expected} to ${fields.seq - 1} are missing`)
    if (fields.event === 'trail.opened' && fields.seq === 1) return stop('restart', 'a new chain begins here')
    stop('duplicate', `record ${fields.seq} was here before`)
  }

  function checkSignature(fields: Fields, body: Buffer, stop: Stop): boolean {
    if (fields.replica !== replica) stop('checkpoint', `signed for replica ${fields.replica}`)
    const key = publicKeys.get(fields.key ?? '')
    if (key === undefined) unknownKeys.add(fields.key ?? '')
    else if (!isSignedBy(body, key)) stop('checkpoint', `the signature of record ${fields.seq} is not the key's`)
    else signedSeq = fields.seq
    if (publicKeys.size > 0 && key === undefined) stop('checkpoint', `signed by ${fields.key}, which was not given`)
    allowed = fields.every ?? 0
    sinceSigned = 0
    return broken === undefined
  }

  for (const file of files) {
    let line = 0
    for await (const lines of readLines(file.path)) {
      for (const { bytes, complete, offset } of lines) {
        line += 1
        if (missing !== undefined) {
          const seq = parseFields(bytes)?.seq
          if (seq === missing.seq) {
            broken = { ...missing.found, kind: 'reorder', message: `record ${seq} stands later, at line ${line}` }
            missing = undefined
            break
          }
          continue
        }
        const stop: Stop = (kind, message) => {
          broken ??= { kind, file: file.name, line, message }
        }
        if (complete) checkRecord(bytes, file, line, stop)
        else if (file !== files.at(-1) || !(await endsLater(file, offset))) stop('torn', 'the last line has no end')
        if (broken === undefined) continue
        if (broken.kind !== 'gap') break
        missing = { seq: last.seq + 1, until: 0, found: broken }
        broken = undefined
      }
      if (broken !== undefined) break
    }
    broken ??= missing?.found
    if (broken !== undefined) break
    lastFile = file.name
  }

  if (broken === undefined && head !== undefined && head.seq > last.seq) {
    const message = `the store remembers record ${head.seq} in ${head.file}; the trail ends at ${last.seq}`
    broken = { kind: 'truncated', file: lastFile ?? head.file, line: 0, message }
  }
  const byHead = headMet && head !== undefined && head.seq >= signedSeq
  return {
    replica,
    files: files.map(({ name }) => name),
    records,
    break: broken,
    provenTo: byHead ? head.seq : signedSeq,
    provenBy: byHead ? 'head' : signedSeq > 0 ? 'checkpoint' : 'nothing',
    lastSeq: last.seq,
    lastAt: last.at,
    unknownKeys: [...unknownKeys],
    torn,
  }
}

/** A gateway that is running may be in the middle of this line. */
async function endsLater(file: TrailFile, offset: number): Promise<boolean> {
  for (let tries = 0; tries < 5; tries += 1) {
    await sleep(100)
    for await (const lines of readLines(file.path)) {
      if (lines.some((line) => line.complete && line.offset === offset)) return true
    }
  }
  return false
}

function parseFields(bytes: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    if (typeof value !== 'object' || value === null) return undefined
    const { seq, prev, at, event } = value as Partial<Fields>
    if (!Number.isSafeInteger(seq) || typeof prev !== 'string' || typeof at !== 'string') return undefined
    return typeof event === 'string' ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}
