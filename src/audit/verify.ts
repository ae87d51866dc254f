import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ChainProof,
  headOf,
  openChainCheck,
  readFields,
  type TrailBreak,
  type VerifyOptions,
} from './chainCheck.ts'
import { type Line, listTrailFiles, readLines, type TrailFile } from './files.ts'

/** What is known about the trail of one replica. */
export interface ChainReport extends ChainProof {
  readonly replica: string
  readonly files: readonly string[]
  /** The first thing that is wrong; undefined when the chain is whole. */
  readonly break: TrailBreak | undefined
}

/** Reads a folder of trails, once, in constant memory. Changes nothing. Throws only when files cannot be read. */
export async function verifyTrail(dir: string, options: VerifyOptions): Promise<readonly ChainReport[]> {
  const chains = await listTrailFiles(dir)
  const reports: ChainReport[] = []
  for (const [replica, files] of chains) reports.push(await verifyChain(replica, files, options))
  for (const head of options.heads.filter(({ replica }) => !chains.has(replica))) {
    const lost = { kind: 'missing-file', file: head.file, line: 1, message: 'no file of this replica is here' } as const
    reports.push({ ...openChainCheck(head.replica, options).report(), replica: head.replica, files: [], break: lost })
  }
  return reports
}

async function verifyChain(replica: string, files: readonly TrailFile[], options: VerifyOptions): Promise<ChainReport> {
  const chain = openChainCheck(replica, options)
  let broken: TrailBreak | undefined
  for (const file of files) {
    broken = await verifyFile(file, chain.check)
    if (broken?.kind === 'torn' && file === files.at(-1) && (await endsLater(file))) broken = undefined
    if (broken !== undefined) break
  }
  const proof = chain.report()
  const head = headOf(replica, options)
  if (broken === undefined && head !== undefined && head.seq > proof.lastSeq) {
    const message = `the store remembers record ${head.seq} in ${head.file}; the trail ends at ${proof.lastSeq}`
    broken = { kind: 'truncated', file: files.at(-1)?.name ?? head.file, line: chain.line(), message }
  }
  return { ...proof, replica, files: files.map(({ name }) => name), break: broken }
}

type CheckRecord = ReturnType<typeof openChainCheck>['check']

async function verifyFile(file: TrailFile, check: CheckRecord): Promise<TrailBreak | undefined> {
  let line = 0
  let gap: TrailBreak | undefined
  let missing = 0
  for await (const lines of readLines(file.path)) {
    for (const { bytes, complete } of lines) {
      line += 1
      if (gap !== undefined) {
        // A record that is missing here may have been moved: then it comes later in the file.
        if (readFields(bytes)?.seq !== missing) continue
        return { ...gap, kind: 'reorder', message: `record ${missing} stands later, at line ${line}` }
      }
      const broken = complete ? check(bytes, file, line) : tornAt(file, line)
      if (broken !== undefined && broken.kind !== 'gap') return broken
      gap = broken
      missing = broken?.missing ?? 0
    }
  }
  return gap
}

function tornAt(file: TrailFile, line: number): TrailBreak {
  return { kind: 'torn', file: file.name, line, message: 'the last line has no end' }
}

/** A gateway that is running may have been in the middle of this line: it is whole a moment later. */
async function endsLater(file: TrailFile): Promise<boolean> {
  const torn = await lastLine(file)
  if (torn?.complete !== false) return true
  for (let tries = 0; tries < 5; tries += 1) {
    await sleep(100)
    for await (const lines of readLines(file.path)) {
      if (lines.some(({ complete, offset }) => complete && offset === torn.offset)) return true
    }
  }
  return false
}

async function lastLine(file: TrailFile): Promise<Line | undefined> {
  let last: Line | undefined
  for await (const lines of readLines(file.path)) last = lines.at(-1) ?? last
  return last
}
