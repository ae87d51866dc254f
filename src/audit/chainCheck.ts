import type { KeyObject } from 'node:crypto'
import { GENESIS, isSignedBy, unseal } from './chain.ts'
import type { TrailFile } from './files.ts'
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
  /** Of a gap: the first record that is not here. */
  readonly missing?: number
}

/** How far the proof of one chain reaches. */
export interface ChainProof {
  readonly records: number
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

/** The fields of a record that the chain is made of. */
interface ChainFields {
  readonly seq: number
  readonly prev: string
  readonly at: string
  readonly event: string
  readonly replica?: string
  readonly file?: string
  readonly previous?: { readonly file: string }
  readonly every?: number
  readonly key?: string
}

interface ChainCheck {
  /** Takes the next line of the chain. The first break it returns is the last thing it can be asked. */
  check(bytes: Buffer, file: TrailFile, line: number): TrailBreak | undefined
  report(): ChainProof
  /** The line of the last sound record. */
  line(): number
}

/** Holds one chain to everything that a line can be held to, with no more memory than a few fields. */
export function openChainCheck(replica: string, options: VerifyOptions): ChainCheck {
  const { publicKeys, archived = false } = options
  const head = headOf(replica, options)
  const unknownKeys = new Set<string>()
  let last = {
    seq: 0,
    hash: GENESIS,
    at: undefined as string | undefined,
    file: undefined as string | undefined,
    line: 0,
  }
  let records = 0
  let torn = 0
  let signedTo = 0
  let headMet = false
  let sinceSigned = 0
  let allowed = Number.POSITIVE_INFINITY

  function check(bytes: Buffer, file: TrailFile, line: number): TrailBreak | undefined {
    const broken = (kind: BreakKind, message: string, missing?: number): TrailBreak => ({
      ...{ kind, file: file.name, line, message },
      ...(missing === undefined ? {} : { missing }),
    })
    const fields = readFields(bytes)
    const sealed = unseal(bytes)
    if (fields === undefined || sealed === undefined) return broken('json', 'this line is not a record')
    const { seq } = fields
    const signs = fields.event === 'checkpoint' || fields.event === 'trail.opened'
    if (sealed.actual !== sealed.hash) {
      return broken(signs ? 'checkpoint' : 'hash', `record ${seq} was edited: its bytes do not have its hash`)
    }
    const place = (line === 1 ? checkFirst(fields, file) : undefined) ?? checkPlace(fields)
    if (place !== undefined) return broken(...place)
    if (signs) {
      const problem = checkSignature(fields, sealed.body)
      if (problem !== undefined) return broken('checkpoint', problem)
    }
    if (seq === head?.seq && sealed.hash !== head.hash) {
      return broken('head', `record ${seq} is not the one that the store remembers`)
    }
    if (!signs && sinceSigned === allowed) {
      return broken('missing-checkpoint', `more than ${allowed} records without a checkpoint`)
    }

    last = { seq, hash: sealed.hash, at: fields.at, file: file.name, line }
    records += 1
    sinceSigned = signs ? 0 : sinceSigned + 1
    headMet ||= seq === head?.seq
    if (fields.event === 'trail.torn') torn += 1
    if (fields.event !== 'trail.cut') return undefined
    return broken('cut', 'at this start the gateway found that records before it had been removed')
  }

  type Problem = [kind: BreakKind, message: string, missing?: number]

  function checkFirst({ event, seq, prev, file, previous }: ChainFields, { name }: TrailFile): Problem | undefined {
    if (event !== 'trail.opened') return ['gap', 'the first record of the file is missing', last.seq + 1]
    if (file !== name) return ['missing-file', `this file was written as ${file}`]
    const followsAnother = seq > last.seq + 1 && previous?.file !== last.file
    if (records === 0 && archived) last = { ...last, seq: seq - 1, hash: prev }
    else if (followsAnother) return ['missing-file', `the file before this one, ${previous?.file}, is not here`]
    return undefined
  }

  function checkPlace({ seq, prev, event }: ChainFields): Problem | undefined {
    const expected = last.seq + 1
    if (seq > expected) return ['gap', `records ${expected} to ${seq - 1} are missing`, expected]
    if (seq < expected && seq === 1 && event === 'trail.opened') return ['restart', 'a new chain begins here']
    if (seq < expected) return ['duplicate', `record ${seq} was here before`]
    return prev === last.hash ? undefined : ['link', `record ${seq} does not link to the record before it`]
  }

  function checkSignature({ seq, replica: named, key: keyId = '', every = 0 }: ChainFields, body: Buffer) {
    if (named !== replica) return `record ${seq} was signed for replica ${named}`
    const key = publicKeys.get(keyId)
    if (key === undefined) unknownKeys.add(keyId)
    if (key === undefined && publicKeys.size > 0)
      return `record ${seq} was signed by ${keyId}, which is not a given key`
    if (key !== undefined && !isSignedBy(body, key)) return `the signature of record ${seq} was not made by its key`
    if (key !== undefined) signedTo = seq
    allowed = every
    return undefined
  }

  return {
    check,
    line: () => last.line,
    report() {
      const byHead = headMet && head !== undefined && head.seq >= signedTo
      return {
        records,
        provenTo: byHead ? head.seq : signedTo,
        provenBy: byHead ? 'head' : signedTo > 0 ? 'checkpoint' : 'nothing',
        lastSeq: last.seq,
        lastAt: last.at,
        unknownKeys: [...unknownKeys],
        torn,
      }
    },
  }
}

export function headOf(replica: string, { heads }: VerifyOptions): Head | undefined {
  return heads.find((head) => head.replica === replica)
}

/** Reads what the chain needs from a line. Undefined when it is not a record. */
export function readFields(bytes: Buffer): ChainFields | undefined {
  try {
    const value = JSON.parse(bytes.toString()) as Partial<ChainFields> | null
    if (value === null || !Number.isSafeInteger(value.seq)) return undefined
    const isRecord = [value.prev, value.at, value.event].every((field) => typeof field === 'string')
    return isRecord ? (value as ChainFields) : undefined
  } catch {
    return undefined
  }
}
