import { setImmediate } from 'node:timers/promises'
import { GateError } from '../../errors.ts'
import type { Git } from './git/git.ts'
import { rangeInput } from './range.ts'

/** Says why a text looks like a secret; empty when it does not. */
export type FindSecrets = (text: string) => readonly { readonly why: string }[]

/** Something in what would be pushed that looks like a secret. Never the secret. */
export interface FoundSecret {
  readonly why: string
  /** A path, or `the message of 1a2b3c4`. */
  readonly where: string
}

export interface ScannedObjects {
  readonly secrets: readonly FoundSecret[]
  /** Pointers of Git LFS: what they stand for is not here, and was not looked at. */
  readonly lfsPointers: readonly string[]
}

interface PushedObject {
  readonly oid: string
  readonly type: string
  readonly size: number
  readonly path: string
}

export interface ScanLimits {
  readonly maxBlob: number
  readonly maxScan: number
}

/** Objects of so many bytes are read at once. */
const BATCH_BYTES = 16 * 1024 ** 2
const LFS_POINTER = 'version https://git-lfs.github.com/spec/'
/** Encodings of a commit message in which ASCII is ASCII. */
const PLAIN_ENCODINGS = /^(?:utf-?8|us-ascii|ascii|latin-?1|iso-?8859-1|windows-1252|cp1252)$/i

/**
 * Searches every object that the push would bring to the server: all files in all commits, also those that a later
 * commit takes out again, and all messages.
 *
 * @throws GateError ERR_GIT_LIMIT
 */
export async function scanObjects(
  git: Git,
  to: string,
  without: readonly string[],
  limits: ScanLimits,
  find: FindSecrets,
): Promise<ScannedObjects> {
  const objects = await listObjects(git, to, without)
  const read = objects.filter(({ type }) => type !== 'tree')
  const large = read.find(({ size }) => size > limits.maxBlob)
  if (large !== undefined) {
    throw new GateError('ERR_GIT_LIMIT', {
      detail: `A file has ${large.size} bytes; at most ${limits.maxBlob} are taken.`,
    })
  }
  const sum = read.reduce((total, { size }) => total + size, 0)
  if (sum > limits.maxScan) {
    throw new GateError('ERR_GIT_LIMIT', { detail: `It holds ${sum} bytes; at most ${limits.maxScan} are searched.` })
  }
  const secrets = new Map<string, FoundSecret>()
  const lfsPointers = new Set<string>()
  for (const batch of batchesOf(read)) {
    for (const { object, bytes } of await readObjects(git, batch)) {
      // Detectors are fast, but other calls wait meanwhile.
      await setImmediate()
      const where = object.type === 'commit' ? `the message of ${object.oid.slice(0, 12)}` : object.path
      for (const why of secretsIn(bytes, object.type, find)) secrets.set(`${why}\0${where}`, { why, where })
      if (bytes.length < 1_024 && bytes.toString('latin1').startsWith(LFS_POINTER)) lfsPointers.add(object.path)
    }
  }
  return { secrets: [...secrets.values()], lfsPointers: [...lfsPointers] }
}

async function listObjects(git: Git, to: string, without: readonly string[]): Promise<readonly PushedObject[]> {
  const listed = await git.text(['rev-list', '--objects', '--stdin'], { stdin: rangeInput(to, without) })
  const named = listed === '' ? [] : listed.split('\n').map((line) => [line.split(' ', 1)[0] ?? '', line] as const)
  const checked = await git.text(['cat-file', '--batch-check=%(objectname) %(objecttype) %(objectsize)'], {
    stdin: named.map(([oid]) => `${oid}\n`).join(''),
  })
  const pathOf = new Map(named.map(([oid, line]) => [oid, line.slice(oid.length + 1)]))
  return (checked === '' ? [] : checked.split('\n')).map((line) => {
    const [oid = '', type = '', size = ''] = line.split(' ')
    if (!/^\d+$/.test(size)) throw new GateError('ERR_INTERNAL', { cause: new Error('an object is missing') })
    return { oid, type, size: Number(size), path: pathOf.get(oid) ?? '' }
  })
}

function* batchesOf(objects: readonly PushedObject[]): Generator<readonly PushedObject[]> {
  let batch: PushedObject[] = []
  let size = 0
  for (const object of objects) {
    if (size + object.size > BATCH_BYTES && batch.length > 0) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(object)
    size += object.size
  }
  if (batch.length > 0) yield batch
}

async function readObjects(git: Git, batch: readonly PushedObject[]) {
  const bytes = batch.reduce((sum, { size }) => sum + size + 256, 0)
  const out = await git.run(['cat-file', '--batch'], {
    stdin: batch.map(({ oid }) => `${oid}\n`).join(''),
    maxOutput: bytes + 1_024,
  })
  let at = 0
  return batch.map((object) => {
    const start = out.indexOf(10, at) + 1
    const end = start + object.size
    if (start === 0 || end >= out.length)
      throw new GateError('ERR_INTERNAL', { cause: new Error('an object is cut off') })
    at = end + 1
    return { object, bytes: out.subarray(start, end) }
  })
}

/** As UTF-8, and without NULs: that is how ASCII looks in UTF-16. */
function secretsIn(bytes: Buffer, type: string, find: FindSecrets): ReadonlySet<string> {
  const texts = [bytes.toString('utf8')]
  if (bytes.includes(0)) texts.push(bytes.toString('latin1').replaceAll('\0', ''))
  const found = new Set(texts.flatMap((text) => find(text).map(({ why }) => why)))
  if (type === 'commit' && hidesItsMessage(texts[0] ?? '')) found.add('unreadable-message')
  return found
}

function hidesItsMessage(commit: string): boolean {
  const headers = commit.slice(0, commit.indexOf('\n\n'))
  const encoding = /^encoding (.*)$/m.exec(headers)?.[1]
  return encoding !== undefined && !PLAIN_ENCODINGS.test(encoding)
}
