import { execFileSync } from 'node:child_process'
import { copyFile, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { EventOf } from '../../src/audit/event.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { makeFolder, openTestTrail, policyLoaded, readTrail, trailFiles, withKey } from '../audit/openTestTrail.ts'

const finished: EventOf<'call.finished'> = {
  event: 'call.finished',
  call: 'call_1',
  tool: 'run_sql',
  status: 'executed',
}

async function pathOf(dir: string): Promise<string> {
  return join(dir, (await trailFiles(dir))[0] ?? '')
}

/** Longer than the time between two probes. */
const NEXT_PROBE_MS = 600

describe('a trail that cannot be written', () => {
  test('a folder that cannot be written refuses to open', async () => {
    const dir = await makeFolder()
    await writeFile(join(dir, 'file'), '')
    await expect(openTestTrail(join(dir, 'file', 'audit'))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
  })

  test('a symbolic link in place of the file is not followed', async () => {
    const dir = await makeFolder()
    const victim = join(await makeFolder(), 'victim')
    await writeFile(victim, 'untouched')
    await symlink(victim, join(dir, 'trail-r1-2026-11-20.jsonl'))
    const now = () => new Date('2026-11-20T09:00:00Z')
    await expect(openTestTrail(dir, { now })).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    expect(await readFile(victim, 'utf8')).toBe('untouched')
  })

  test('when the file is moved away, appends are refused within a checkpoint; when it is back, the outage is a record', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir, { records: 2 })
    const path = await pathOf(dir)
    await trail.append(policyLoaded(1))
    await rename(path, `${path}.moved`)
    await expect(trail.append(policyLoaded(2))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    expect(trail.isWritable()).toBe(false)
    await expect(trail.append(policyLoaded(3))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    trail.appendBuffered(policyLoaded(4))
    await expect(trail.append(finished)).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    await rm(path, { force: true })
    await rename(`${path}.moved`, path)
    await sleep(NEXT_PROBE_MS)

    await trail.append(policyLoaded(5))
    expect(trail.isWritable()).toBe(true)
    await trail.close()
    const records = await readTrail(dir)
    expect(records.flatMap((record) => (record.event === 'policy.loaded' ? [record.rules] : []))).toEqual([1, 4, 5])
    expect(records.find(({ event }) => event === 'trail.resumed')).toMatchObject({ turned_away: 3, lost: 0 })
    expect((await verifyTrail(dir, withKey))[0]?.break).toBeUndefined()
  })

  test('a copy in place of the file is not the file', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir, { records: 1 })
    const path = await pathOf(dir)
    await trail.append(policyLoaded(1))
    const before = await readFile(path)
    await copyFile(path, `${path}.copy`)
    await rename(`${path}.copy`, path)
    await expect(trail.append(policyLoaded(2))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    expect(await readFile(path)).toEqual(before)
    await trail.close()
  })

  test('a file that waits under the name of tomorrow is neither followed nor continued', async () => {
    const cases = [
      [symlink, ''],
      [copyFile, 'untouched'],
    ] as const
    for (const [prepare, content] of cases) {
      const dir = await makeFolder()
      const victim = join(await makeFolder(), 'victim')
      await writeFile(victim, content)
      let day = 20
      const { trail } = await openTestTrail(dir, { now: () => new Date(`2026-11-${day}T09:00:00Z`) })
      await prepare(victim, join(dir, 'trail-r1-2026-11-21.jsonl'))
      day = 21
      await expect(trail.append(policyLoaded(1))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
      expect(await readFile(join(dir, 'trail-r1-2026-11-21.jsonl'), 'utf8')).toBe(content)
      await trail.close()
    }
  })

  test('an outage keeps five thousand waiting events, and counts the rest', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir, { records: 1 })
    const path = await pathOf(dir)
    await rename(path, `${path}.moved`)
    for (let n = 0; n < 5_004; n += 1) trail.appendBuffered(policyLoaded(n))
    await expect(trail.append(policyLoaded(0))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    for (let n = 5_004; n < 5_010; n += 1) trail.appendBuffered(policyLoaded(n))
    await rm(path, { force: true })
    await rename(`${path}.moved`, path)
    await sleep(NEXT_PROBE_MS)
    await trail.append(policyLoaded(9_999))
    await trail.close()
    const records = await readTrail(dir)
    const kept = records.flatMap((record) => (record.event === 'policy.loaded' ? [record.rules] : []))
    expect(kept).toEqual([...Array.from({ length: 5_000 }, (_, n) => n), 9_999])
    expect(records.find(({ event }) => event === 'trail.resumed')).toMatchObject({ turned_away: 1, lost: 10 })
  })

  test('a file that was emptied under a running gateway is never built upon', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir, { records: 1 })
    const path = await pathOf(dir)
    await trail.append(policyLoaded(1))
    await rename(path, `${path}.moved`)
    await expect(trail.append(policyLoaded(2))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    await truncate(`${path}.moved`, 100)
    await rm(path, { force: true })
    await rename(`${path}.moved`, path)
    await sleep(NEXT_PROBE_MS)
    await expect(trail.append(policyLoaded(3))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    expect(await readFile(path)).toHaveLength(100)
    await trail.close()
  })
})

describe.runIf(canMount())('a full disk (a small tmpfs; needs root)', () => {
  const mounted: string[] = []
  afterEach(() => {
    for (const dir of mounted.splice(0)) execFileSync('umount', ['--lazy', dir])
  })

  async function mountSmallDisk(): Promise<string> {
    const dir = await makeFolder()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', dir])
    mounted.push(dir)
    return dir
  }

  async function fill(dir: string): Promise<void> {
    await writeFile(join(dir, 'ballast'), Buffer.alloc(8 * 1024 ** 2)).catch(() => undefined)
  }

  test('nothing new starts, what runs is closed out of the reserve, and all goes on when there is space', async () => {
    const dir = await mountSmallDisk()
    const { trail } = await openTestTrail(dir, { records: 100 })
    await trail.append(policyLoaded(1))
    expect(await trail.hasRoom()).toBe(true)
    await fill(dir)
    expect(await trail.hasRoom()).toBe(false)
    let accepted = 0
    const refusal = await (async () => {
      for (let n = 0; n < 100; n += 1, accepted += 1) await trail.append(policyLoaded(n))
      return undefined
    })().catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'ERR_AUDIT' })

    const place = await trail.append(finished)
    await expect(trail.append(policyLoaded(1))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    expect(await trail.hasRoom()).toBe(false)
    expect((await readTrail(dir)).at(-1)).toMatchObject({ event: 'call.finished', seq: place.seq })

    // There is space now, the reserve's: it is not for new calls, however often they try.
    await sleep(NEXT_PROBE_MS)
    await expect(trail.append(policyLoaded(1))).rejects.toMatchObject({ code: 'ERR_AUDIT' })

    await rm(join(dir, 'ballast'))
    await sleep(NEXT_PROBE_MS)
    await trail.append(policyLoaded(2))
    expect(await trail.hasRoom()).toBe(true)
    await trail.close()
    const records = await readTrail(dir)
    expect(records.filter(({ event }) => event === 'policy.loaded')).toHaveLength(1 + accepted + 1)
    expect(records.find(({ event }) => event === 'trail.resumed')).toMatchObject({ error: 'ENOSPC', turned_away: 3 })
    expect((await verifyTrail(dir, withKey))[0]?.break).toBeUndefined()
  })

  test('a disk that is full at the start refuses the start', async () => {
    const dir = await mountSmallDisk()
    await fill(dir)
    await expect(openTestTrail(dir)).rejects.toMatchObject({ code: 'ERR_AUDIT' })
  })
})

/** Ordinary users cannot mount; for them test/adapters/jsonlTrailCrash.test.ts reaches a write error by a file-size limit. */
function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
