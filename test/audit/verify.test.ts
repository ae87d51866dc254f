import { createHash } from 'node:crypto'
import { copyFile, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { GENESIS, seal, toLine } from '../../src/audit/chain.ts'
import type { VerifyOptions } from '../../src/audit/chainCheck.ts'
import type { Head } from '../../src/audit/trail.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import {
  editLines,
  makeFolder,
  newSigningKey,
  openTestTrail,
  policyLoaded,
  trailFiles,
  withKey,
} from './openTestTrail.ts'

const FILE = 'trail-r1-2026-11-20.jsonl'

/** 15 lines: opened, then five records and a checkpoint, twice, then one record and the last checkpoint. */
async function makeTrail(): Promise<{ dir: string; head: Head }> {
  const dir = await makeFolder()
  const { trail, heads } = await openTestTrail(dir, { now: () => new Date('2026-11-20T09:00:00Z') })
  for (let n = 1; n <= 11; n += 1) await trail.append(policyLoaded(n))
  await trail.close()
  const head = heads.at(-1)
  if (head === undefined) throw new Error('no head')
  return { dir, head }
}

async function breakOf(dir: string, options: VerifyOptions = withKey) {
  const broken = (await verifyTrail(dir, options))[0]?.break
  return broken === undefined ? 'whole' : `${broken.kind} ${broken.line}`
}

/** What somebody without the key can do: new hashes and links from a line on. */
function rehash(lines: readonly string[]): string[] {
  let prev = `sha256:${'0'.repeat(64)}`
  return lines.map((line) => {
    const body = line.replace(/"prev":"[^"]*"/, `"prev":"${prev}"`).replace(/,"hash":"[^"]*"\}$/, '}')
    prev = `sha256:${createHash('sha256').update(body).digest('hex')}`
    return `${body.slice(0, -1)},"hash":"${prev}"}`
  })
}

describe('a trail that was tampered with', () => {
  let dir: string
  let head: Head
  let sound: Buffer

  beforeAll(async () => {
    ;({ dir, head } = await makeTrail())
    sound = await readFile(join(dir, FILE))
  })

  async function tampered(edit: (lines: string[]) => string[], options?: VerifyOptions): Promise<string> {
    await writeFile(join(dir, FILE), sound)
    await editLines(dir, edit)
    return await breakOf(dir, options)
  }

  test('untouched, it is whole and proven to its end', async () => {
    await writeFile(join(dir, FILE), sound)
    expect((await verifyTrail(dir, withKey))[0]).toMatchObject({
      ...{ break: undefined, records: 15, provenTo: 15, provenBy: 'checkpoint', lastAt: '2026-11-20T09:00:00.000Z' },
    })
    expect((await verifyTrail(dir, { publicKeys: new Map(), heads: [head] }))[0]).toMatchObject({
      ...{ break: undefined, provenTo: 15, provenBy: 'head' },
    })
  })

  test('every flip of a bit, anywhere, breaks it at that line', async () => {
    const text = sound.toString('latin1')
    await fc.assert(
      fc.asyncProperty(fc.nat(sound.length - 1), fc.nat(7), async (at, bit) => {
        const bytes = Buffer.from(sound)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
        await writeFile(join(dir, FILE), bytes)
        const broken = (await verifyTrail(dir, withKey))[0]?.break
        expect(broken?.file).toBe(FILE)
        expect(broken?.line).toBe(text.slice(0, at).split('\n').length)
      }),
      { numRuns: 300 },
    )
  }, 120_000)

  test('a record that was dropped is a gap', async () => {
    expect(await tampered((lines) => lines.toSpliced(3, 1))).toBe('gap 4')
    expect(await tampered((lines) => lines.toSpliced(0, 1))).toBe('gap 1')
    expect(await tampered((lines) => lines.toSpliced(0, 1), { ...withKey, archived: true })).toBe('gap 1')
  })

  test('two records that were swapped are told from a gap', async () => {
    expect(await tampered(([a = '', b = '', c = '', ...rest]) => [a, c, b, ...rest])).toBe('reorder 2')
  })

  test('a record that was moved to the end is told from a gap', async () => {
    expect(await tampered((lines) => [...lines.toSpliced(3, 1), lines[3] ?? ''])).toBe('reorder 4')
  })

  test('a record that was copied is a duplicate', async () => {
    expect(await tampered((lines) => lines.toSpliced(4, 0, lines[3] ?? ''))).toBe('duplicate 5')
    expect(await tampered((lines) => lines.toSpliced(9, 0, lines[3] ?? ''))).toBe('duplicate 10')
  })

  test('a line that is no record is named', async () => {
    for (const line of ['', 'null', '[]', '{}', '{"seq":4}', 'x'.repeat(200)]) {
      expect(await tampered((lines) => lines.toSpliced(3, 0, line))).toBe('json 4')
    }
  })

  test('a cut tail is found by the head in the store, and by nothing else', async () => {
    const cut = (lines: string[]) => lines.slice(0, 12)
    expect(await tampered(cut, { ...withKey, heads: [head] })).toBe('truncated 12')
    expect(await tampered(cut)).toBe('whole')
    const [report] = await verifyTrail(dir, withKey)
    expect(report).toMatchObject({ lastSeq: 12, provenTo: 7, provenBy: 'checkpoint' })
  })

  test('a cut in the middle of the last line is torn', async () => {
    await writeFile(join(dir, FILE), sound)
    await truncate(join(dir, FILE), sound.length - 10)
    expect(await breakOf(dir)).toBe('torn 15')
  })

  test('an edited record with fresh hashes after it does not survive the next checkpoint', async () => {
    const forge = (lines: string[]) => rehash(lines.map((line) => line.replace('"rules":3', '"rules":4')))
    expect(await tampered(forge)).toBe('checkpoint 7')
  })

  test('an edited record with a fresh hash of its own does not fit the record after it', async () => {
    const forge = (lines: string[]) => {
      const edited = (lines[3] ?? '').replace('"rules":3', '"rules":4').replace(/,"hash":"[^"]*"\}$/, '}')
      const hash = createHash('sha256').update(edited).digest('hex')
      return lines.with(3, `${edited.slice(0, -1)},"hash":"sha256:${hash}"}`)
    }
    expect(await tampered(forge)).toBe('link 5')
  })

  test('an edited checkpoint is found, with fresh hashes or without', async () => {
    const edit = (lines: string[]) => lines.map((line, n) => (n === 6 ? line.replace('"every":5', '"every":9') : line))
    expect(await tampered(edit)).toBe('checkpoint 7')
    expect(await tampered((lines) => rehash(edit(lines)))).toBe('checkpoint 7')
  })

  test('a chain made anew without the key fails at its first line', async () => {
    expect(await tampered((lines) => rehash(lines.map((line) => line.replace('T09:', 'T10:'))))).toBe('checkpoint 1')
  })

  test('a chain made anew without the key fails against the head, even when nobody has the public key', async () => {
    const forged = (lines: string[]) => rehash(lines.map((line) => line.replace('T09:', 'T10:')))
    expect(await tampered(forged, { publicKeys: new Map(), heads: [head] })).toBe('head 15')
  })

  test('checkpoints cannot be left out: more records than allowed without one break the chain', async () => {
    const strip = (lines: string[]) => {
      const kept = lines.filter((line) => !line.includes('"event":"checkpoint"'))
      return rehash(kept.map((line, n) => line.replace(/"seq":\d+/, `"seq":${n + 1}`)))
    }
    expect(await tampered(strip)).toBe('missing-checkpoint 7')
  })

  test('the signature of another key does not count', async () => {
    const { id, publicKey } = newSigningKey()
    expect(await tampered((lines) => lines, { publicKeys: new Map([[id, publicKey]]), heads: [] })).toBe('checkpoint 1')
  })

  test('a signed record of another replica cannot be brought in', async () => {
    await writeFile(join(dir, FILE), sound)
    await copyFile(join(dir, FILE), join(dir, 'trail-r2-2026-11-20.jsonl'))
    const reports = await verifyTrail(dir, withKey)
    await rm(join(dir, 'trail-r2-2026-11-20.jsonl'))
    expect(reports.map((report) => report.break?.kind)).toEqual([undefined, 'missing-file'])
  })

  test('a record that was signed for another replica does not count here, whatever file it names', async () => {
    const { id, privateKey, publicKey } = newSigningKey()
    const opened = { event: 'trail.opened', replica: 'r2', file: FILE, every: 5, key: id } as const
    const { line } = seal(toLine(opened), 1, new Date(0), GENESIS, privateKey)
    const options = { publicKeys: new Map([[id, publicKey]]), heads: [] }
    expect(await tampered(() => [line], options)).toBe('checkpoint 1')
    const { line: own } = seal(toLine({ ...opened, replica: 'r1' }), 1, new Date(0), GENESIS, privateKey)
    expect(await tampered(() => [own], options)).toBe('whole')
  })

  test('without the public key nothing is proven, and the report says which key it would take', async () => {
    await writeFile(join(dir, FILE), sound)
    const [report] = await verifyTrail(dir, { publicKeys: new Map(), heads: [] })
    expect(report).toMatchObject({ break: undefined, provenTo: 0, provenBy: 'nothing' })
    expect(report?.unknownKeys).toEqual([...withKey.publicKeys.keys()])
  })
})

describe('files', () => {
  async function makeThreeDays(): Promise<{ dir: string; heads: Head[] }> {
    const dir = await makeFolder()
    let day = 20
    const { trail, heads } = await openTestTrail(dir, { now: () => new Date(`2026-11-${day}T09:00:00Z`) })
    for (; day <= 22; day += 1) await trail.append(policyLoaded(day))
    day = 22
    await trail.close()
    return { dir, heads }
  }

  test('a file missing in the middle is named', async () => {
    const { dir } = await makeThreeDays()
    await rm(join(dir, 'trail-r1-2026-11-21.jsonl'))
    expect((await verifyTrail(dir, withKey))[0]?.break).toMatchObject({
      ...{ kind: 'missing-file', file: 'trail-r1-2026-11-22.jsonl', line: 1 },
      message: expect.stringContaining('trail-r1-2026-11-21.jsonl'),
    })
  })

  test('a file missing at the beginning is a break, unless it is said that it was archived', async () => {
    const { dir } = await makeThreeDays()
    await rm(join(dir, 'trail-r1-2026-11-20.jsonl'))
    expect(await breakOf(dir)).toBe('missing-file 1')
    expect(await breakOf(dir, { ...withKey, archived: true })).toBe('whole')
  })

  test('a file missing at the end is found by the head, and so is a folder without any', async () => {
    const { dir, heads } = await makeThreeDays()
    const options = { ...withKey, heads: heads.slice(-1) }
    await rm(join(dir, 'trail-r1-2026-11-22.jsonl'))
    expect((await verifyTrail(dir, options))[0]?.break).toMatchObject({
      ...{ kind: 'truncated', file: 'trail-r1-2026-11-21.jsonl' },
      message: expect.stringContaining('trail-r1-2026-11-22.jsonl'),
    })
    for (const name of await trailFiles(dir)) await rm(join(dir, name))
    expect((await verifyTrail(dir, options))[0]?.break).toMatchObject({ kind: 'missing-file' })
  })

  test('the end of a file that was cut off before the next one is a gap', async () => {
    const { dir } = await makeThreeDays()
    const path = join(dir, 'trail-r1-2026-11-20.jsonl')
    const lines = (await readFile(path, 'utf8')).split('\n')
    await writeFile(path, `${lines.slice(0, -2).join('\n')}\n`)
    expect((await verifyTrail(dir, withKey))[0]?.break).toMatchObject({
      ...{ kind: 'gap', file: 'trail-r1-2026-11-21.jsonl', line: 1 },
    })
  })

  test('a file under another name is not taken for that file', async () => {
    const { dir } = await makeThreeDays()
    await rename(join(dir, 'trail-r1-2026-11-22.jsonl'), join(dir, 'trail-r1-2026-11-23.jsonl'))
    expect(await breakOf(dir)).toBe('missing-file 1')
  })

  test('a chain that begins again in a later file is a restart', async () => {
    const { dir } = await makeTrail()
    const other = await makeFolder()
    const { trail } = await openTestTrail(other, { now: () => new Date('2026-11-21T09:00:00Z') })
    await trail.close()
    await copyFile(join(other, 'trail-r1-2026-11-21.jsonl'), join(dir, 'trail-r1-2026-11-21.jsonl'))
    expect((await verifyTrail(dir, withKey))[0]?.break).toMatchObject({
      ...{ kind: 'restart', file: 'trail-r1-2026-11-21.jsonl', line: 1 },
    })
  })

  test('a trail that is being written while it is read is whole', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir, { records: 50 })
    let writing = true
    const writer = (async () => {
      for (let n = 0; writing; n += 1) await Promise.all([trail.append(policyLoaded(n)), trail.append(policyLoaded(n))])
    })()
    for (let n = 0; n < 20; n += 1) expect(await breakOf(dir)).toBe('whole')
    writing = false
    await writer
    await trail.close()
  })
})
