import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { collectRecords } from '../audit/show.ts'
import { OWN_PUBLIC_KEY, publicKeysOf } from '../audit/signingKey.ts'
import { renderTimeline } from '../audit/timeline.ts'
import type { Head } from '../audit/trail.ts'
import { type ChainReport, verifyTrail } from '../audit/verify.ts'
import { GateError } from '../errors.ts'

/** Where a command writes to: process.stdout fits. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

export interface VerifyArguments {
  /** A countersign.yaml: its key and the heads in its store. */
  readonly config?: string | undefined
  /** A JSON file with one head or a list of them. */
  readonly head?: string | undefined
  /** A PEM file with one public key or several. */
  readonly publicKey?: string | undefined
  readonly archived?: boolean | undefined
  readonly json?: boolean | undefined
}

/** What a configuration knows about a trail. */
export type ReadTrailProofs = (
  configPath: string,
) => Promise<{ readonly heads: readonly Head[]; readonly publicKeys: ReadonlyMap<string, KeyObject> }>

const headFile = z.union([
  z.object({ replica: z.string(), file: z.string(), seq: z.int(), hash: z.string() }).transform((head) => [head]),
  z.array(z.object({ replica: z.string(), file: z.string(), seq: z.int(), hash: z.string() })),
])

/** `countersign audit verify DIR`: exit code 0 whole, 1 broken. Throws ERR_CONFIG for wrong use (exit code 2). */
export async function runAuditVerify(
  dir: string,
  args: VerifyArguments,
  out: Output,
  readTrailProofs: ReadTrailProofs,
): Promise<0 | 1> {
  const configured = args.config === undefined ? undefined : await readTrailProofs(args.config)
  const heads = args.head === undefined ? (configured?.heads ?? []) : await readHeads(args.head)
  const keyPath = args.publicKey ?? (configured === undefined ? join(dir, OWN_PUBLIC_KEY) : undefined)
  const keyText = keyPath === undefined ? undefined : await readOptional(keyPath)
  if (keyText === undefined && args.publicKey !== undefined) throw wrongUse(`${args.publicKey} cannot be read.`)
  const publicKeys = keyText === undefined ? (configured?.publicKeys ?? new Map()) : publicKeysOf(keyText)

  const reports = await verifyTrail(dir, { heads, publicKeys, archived: args.archived === true }).catch((cause) => {
    throw wrongUse(`${dir} cannot be read.`, cause)
  })
  if (reports.length === 0) throw wrongUse(`${dir} holds no trail files (trail-<replica>-<date>.jsonl).`)
  if (args.json === true) out.write(`${JSON.stringify(reports, undefined, 2)}\n`)
  else {
    out.write(reports.map(renderReport).join(''))
    if (args.publicKey === undefined && configured === undefined && keyText !== undefined) out.write(OWN_KEY_NOTE)
  }
  return reports.every((report) => report.break === undefined) ? 0 : 1
}

const OWN_KEY_NOTE = `Checked with ${OWN_PUBLIC_KEY} from the same folder: whoever can write there can replace it. Keep a copy
elsewhere and give it with --public-key.
`

function renderReport(report: ChainReport): string {
  const { replica, files, records, lastSeq, lastAt, provenTo, provenBy, torn, unknownKeys } = report
  const lines = [
    `replica ${replica}: ${report.break === undefined ? 'whole' : 'BROKEN'}`,
    ...(report.break === undefined
      ? []
      : [`  ${report.break.file}:${report.break.line}: ${report.break.kind}: ${report.break.message}`]),
    `  ${records} sound records, ${files.length} files, the last one ${lastSeq} at ${lastAt ?? '-'}`,
    provenTo === 0 ? '  proven: nothing' : `  proven to record ${provenTo} by ${provenBy}`,
    ...(provenTo < lastSeq
      ? [`  tail unproven: records ${provenTo + 1} to ${lastSeq} could be cut or made anew unseen`]
      : []),
    ...(unknownKeys.length > 0 ? [`  signed by keys that were not given: ${unknownKeys.join(', ')}`] : []),
    ...(torn > 0 ? [`  ${torn} torn lines were moved aside after crashes (*.torn)`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

export interface ShowArguments {
  readonly dir: string
  readonly json?: boolean | undefined
}

/** `countersign audit show ID`: exit code 0, or 1 when the trail knows no such call, approval or session. */
export async function runAuditShow(id: string, args: ShowArguments, out: Output): Promise<0 | 1> {
  const records = await collectRecords(args.dir, id).catch((cause) => {
    throw wrongUse(`${args.dir} cannot be read.`, cause)
  })
  if (args.json === true) out.write(`${JSON.stringify(records, undefined, 2)}\n`)
  else if (records.length === 0) out.write('No record carries this id.\n')
  else out.write(renderTimeline(records, out.isTTY === true ? 'colour' : 'plain'))
  return records.length === 0 ? 1 : 0
}

async function readHeads(path: string): Promise<readonly Head[]> {
  const text = await readOptional(path)
  if (text === undefined) throw wrongUse(`${path} cannot be read.`)
  try {
    return headFile.parse(JSON.parse(text))
  } catch (cause) {
    throw wrongUse(`${path} is not a head, or a list of heads: {"replica", "file", "seq", "hash"}.`, cause)
  }
}

async function readOptional(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined)
}

function wrongUse(detail: string, cause?: unknown): GateError {
  return new GateError('ERR_CONFIG', { detail, cause })
}
