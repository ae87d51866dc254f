import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { trailRecord } from '../../src/audit/event.ts'
import { auditSettings } from '../../src/audit/settings.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { holdSync } from '../audit/holdSync.ts'
import { makeFolder, openTestTrail, policyLoaded, readTrail, trailFiles, withKey } from '../audit/openTestTrail.ts'

describe('appending', () => {
  test('an append resolves with the place of a record that is on disk by then', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir)
    const place = await trail.append(policyLoaded(1))
    const records = await readTrail(dir)
    expect(records.map(({ event }) => event)).toEqual(['trail.opened', 'policy.loaded'])
    expect(records[1]).toMatchObject({ v: 1, ...place, prev: records[0]?.hash })
    await trail.close()
  })

  test('nothing resolves before its fsync has, and what arrives during one shares the next', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir, { records: 100 })
    const fsync = await holdSync()
    const settled: number[] = []
    const appends = [trail.append(policyLoaded(0)).then(() => settled.push(0))]
    await fsync.entered()
    for (let n = 1; n <= 16; n += 1) appends.push(trail.append(policyLoaded(n)).then(() => settled.push(n)))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await readTrail(dir)).at(-1)).toMatchObject({ rules: 0 })
    expect(settled).toEqual([])
    fsync.release()
    await Promise.all(appends)
    expect(settled).toEqual(Array.from({ length: 17 }, (_, n) => n))
    const { datasync, syncedWrite } = fsync.count()
    expect(datasync + syncedWrite).toBe(2)
    await trail.close()
  })

  test('an event that cannot be written harms nobody else, and one that changes later is recorded as it was', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir)
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    const poison = { event: 'call.committing', call: 'call_1', outcome_ref: cyclic as unknown as string } as const
    const huge = { event: 'call.committing', call: 'call_1', outcome_ref: 'x'.repeat(17 * 1024 ** 2) } as const
    const files = ['before']
    const changing = trail.append({ event: 'policy.loaded', policy_version: 'p', files, rules: 1 })
    files[0] = 'after'
    const wrong = [trail.append(poison), trail.append(huge)]
    expect(() => trail.appendBuffered(poison)).toThrow(TypeError)
    for (const result of await Promise.allSettled(wrong)) expect(result).toMatchObject({ status: 'rejected' })
    await changing
    await trail.append(policyLoaded(2))
    expect(trail.isWritable()).toBe(true)
    await trail.close()
    expect((await readTrail(dir)).slice(1)).toMatchObject([
      { files: ['before'] },
      { rules: 2 },
      { event: 'checkpoint' },
    ])
  })

  test('files are readable by their owner only', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(join(dir, 'audit'))
    await trail.append(policyLoaded(1))
    const [name = ''] = await trailFiles(join(dir, 'audit'))
    expect((await stat(join(dir, 'audit', name))).mode & 0o777).toBe(0o600)
    expect((await stat(join(dir, 'audit'))).mode & 0o777).toBe(0o700)
    await trail.close()
  })

  test('a thousand concurrent appends keep their order, pass the published schema and verify', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir, { records: 100 })
    const places = await Promise.all(Array.from({ length: 1_000 }, (_, n) => trail.append(policyLoaded(n))))
    expect(places.every(({ seq }, n) => n === 0 || seq > (places[n - 1]?.seq ?? Number.POSITIVE_INFINITY))).toBe(true)
    await trail.close()
    const records = await readTrail(dir)
    for (const record of records) trailRecord.parse(record)
    expect(records.flatMap((record) => (record.event === 'policy.loaded' ? [record.rules] : []))).toEqual(
      Array.from({ length: 1_000 }, (_, n) => n),
    )
    const [report] = await verifyTrail(dir, withKey)
    expect(report).toMatchObject({ break: undefined, records: records.length, provenTo: records.length })
  })

  test('a buffered event is durable no later than the append after it, and in front of it', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir)
    trail.appendBuffered(policyLoaded(1))
    await trail.append(policyLoaded(2))
    expect((await readTrail(dir)).slice(1)).toMatchObject([{ rules: 1 }, { rules: 2 }])
    await trail.close()
  })

  test('closing writes what is still buffered, signs it, and refuses what comes later', async () => {
    const dir = await makeFolder()
    const { trail, heads } = await openTestTrail(dir)
    trail.appendBuffered(policyLoaded(1))
    await trail.close()
    const records = await readTrail(dir)
    expect(records.map(({ event }) => event)).toEqual(['trail.opened', 'policy.loaded', 'checkpoint'])
    expect(heads.at(-1)).toMatchObject({ replica: 'r1', seq: 3, hash: records[2]?.hash })
    await expect(trail.append(policyLoaded(2))).rejects.toMatchObject({ code: 'ERR_AUDIT' })
    expect(await readTrail(dir)).toHaveLength(3)
  })

  test('text cannot break a line, hide in it or steer a terminal', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir)
    const hostile = 'a\nb\r\u0000\u001b[2J\u007f\u0085\u2028\u2029\u202e\u2066\u200b\ufeff\ud800"}\n{"v":1'
    await trail.append({ event: 'policy.loaded', policy_version: hostile, files: [], rules: 0 })
    await trail.close()
    const [name = ''] = await trailFiles(dir)
    const raw = await readFile(join(dir, name), 'utf8')
    expect(raw.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    expect((await readTrail(dir))[1]).toMatchObject({ policy_version: hostile })
    expect((await verifyTrail(dir, withKey))[0]?.break).toBeUndefined()
  })
})

describe('checkpoints', () => {
  test('no more records than configured go by without a signature, and each saved head is a durable record', async () => {
    const dir = await makeFolder()
    const { trail, heads } = await openTestTrail(dir, { records: 3 })
    for (let n = 0; n < 10; n += 1) await trail.append(policyLoaded(n))
    await trail.close()
    const records = await readTrail(dir)
    let unsigned = 0
    for (const { event } of records) {
      unsigned = event === 'policy.loaded' ? unsigned + 1 : 0
      expect(unsigned).toBeLessThanOrEqual(3)
    }
    expect(heads.length).toBeGreaterThan(3)
    for (const { seq, hash } of heads) expect(records[seq - 1]).toMatchObject({ seq, hash })
  })

  test('a trail that falls silent is signed after a while', async () => {
    const dir = await makeFolder()
    const settings = auditSettings.parse({ dir, reserve: '1MiB', checkpoint: { every: '1s' } })
    const { trail, heads } = await openTestTrail(dir, { settings })
    await trail.append(policyLoaded(1))
    await vi.waitFor(() => expect(heads.at(-1)?.seq).toBe(3), { timeout: 20_000 })
    expect((await readTrail(dir)).map(({ event }) => event)).toEqual(['trail.opened', 'policy.loaded', 'checkpoint'])
    await trail.close()
    expect(await readTrail(dir)).toHaveLength(3)
  })

  test('a store that is busy while it keeps a head holds up none of the calls before it', async () => {
    const order: string[] = []
    const { trail } = await openTestTrail(await makeFolder(), {
      records: 2,
      saveHead: async (head) => void order.push(`head ${head.seq}`),
    })
    await vi.waitFor(() => expect(order).toEqual(['head 1']))
    await Promise.all([1, 2].map((n) => trail.append(policyLoaded(n)).then(({ seq }) => order.push(`append ${seq}`))))
    await trail.close()
    expect(order).toEqual(['head 1', 'append 2', 'append 3', 'head 4', 'head 4'])
  })

  test('a store that fails to keep heads is reported and holds nothing up', async () => {
    const dir = await makeFolder()
    const { trail, problems } = await openTestTrail(dir, {
      records: 1,
      saveHead: () => Promise.reject(new Error('store down')),
    })
    await trail.append(policyLoaded(1))
    await trail.close()
    expect(problems).toContain('trail head not saved')
    expect((await verifyTrail(dir, withKey))[0]?.break).toBeUndefined()
  })
})

describe('files and starts', () => {
  test('the chain goes on over files: the first record of a file names the end of the file before, and is signed', async () => {
    const dir = await makeFolder()
    let now = new Date('2026-11-20T23:59:59.000Z')
    const { trail } = await openTestTrail(dir, { now: () => now })
    await trail.append(policyLoaded(1))
    now = new Date('2026-11-21T00:00:00.000Z')
    await trail.append(policyLoaded(2))
    await trail.close()
    expect(await trailFiles(dir)).toEqual(['trail-r1-2026-11-20.jsonl', 'trail-r1-2026-11-21.jsonl'])
    const records = await readTrail(dir)
    expect(records.map(({ event }) => event)).toEqual([
      ...['trail.opened', 'policy.loaded', 'checkpoint'],
      ...['trail.opened', 'policy.loaded', 'checkpoint'],
    ])
    expect(records[3]).toMatchObject({
      prev: records[2]?.hash,
      previous: { file: 'trail-r1-2026-11-20.jsonl', seq: 3, hash: records[2]?.hash },
    })
    expect((await verifyTrail(dir, withKey))[0]).toMatchObject({ break: undefined, records: 6, provenTo: 6 })
  })

  test('the end of the chain is durable before a new file rests on it: who left it may have been killed', async () => {
    const dir = await makeFolder()
    const before = await openTestTrail(dir, { now: () => new Date('2026-11-20T23:59:00Z') })
    await before.trail.close()
    const known = await trailFiles(dir)
    const sync = await holdSync()
    const opening = openTestTrail(dir, { now: () => new Date('2026-11-21T00:01:00Z') })
    await sync.entered()
    expect(await trailFiles(dir)).toEqual(known)
    sync.release()
    const { trail } = await opening
    await trail.close()
    expect(await trailFiles(dir)).toEqual([...known, 'trail-r1-2026-11-21.jsonl'])
    expect((await verifyTrail(dir, withKey))[0]?.break).toBeUndefined()
  })

  test('hourly rotation names the hour, and a clock that goes back does not reopen an older file', async () => {
    const dir = await makeFolder()
    let now = new Date('2026-11-20T09:10:00.000Z')
    const { trail } = await openTestTrail(dir, { now: () => now, rotate: 'hourly' })
    await trail.append(policyLoaded(1))
    now = new Date('2026-11-20T10:00:00.000Z')
    await trail.append(policyLoaded(2))
    now = new Date('2026-11-20T09:59:00.000Z')
    await trail.append(policyLoaded(3))
    await trail.close()
    expect(await trailFiles(dir)).toEqual(['trail-r1-2026-11-20T09.jsonl', 'trail-r1-2026-11-20T10.jsonl'])
    expect((await verifyTrail(dir, withKey))[0]).toMatchObject({ break: undefined, provenTo: 7 })
  })

  test('a second start continues the chain and signs before it writes anything else', async () => {
    const dir = await makeFolder()
    for (const n of [1, 2]) {
      const { trail } = await openTestTrail(dir)
      await trail.append(policyLoaded(n))
      await trail.close()
    }
    expect((await readTrail(dir)).map(({ event }) => event)).toEqual([
      ...['trail.opened', 'policy.loaded', 'checkpoint'],
      ...['checkpoint', 'policy.loaded', 'checkpoint'],
    ])
    expect((await verifyTrail(dir, withKey))[0]).toMatchObject({ break: undefined, provenTo: 6 })
  })

  test('a replica has one writer; another replica in the same folder has its own chain', async () => {
    const dir = await makeFolder()
    const first = await openTestTrail(dir)
    await expect(openTestTrail(dir)).rejects.toMatchObject({ code: 'ERR_AUDIT', detail: expect.stringContaining('r1') })
    const other = await openTestTrail(dir, { replica: 'r2' })
    await first.trail.append(policyLoaded(1))
    await other.trail.append(policyLoaded(2))
    await first.trail.close()
    await other.trail.close()
    const again = await openTestTrail(dir)
    await again.trail.close()
    const reports = await verifyTrail(dir, withKey)
    expect(reports.map((report) => [report.replica, report.break])).toEqual([
      ['r1', undefined],
      ['r2', undefined],
    ])
  })

  test('a torn last line is moved aside byte for byte and becomes a record', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir)
    await trail.append(policyLoaded(1))
    await trail.close()
    const [name = ''] = await trailFiles(dir)
    const path = join(dir, name)
    const whole = await readFile(path)
    await writeFile(path, Buffer.concat([whole, Buffer.from('{"v":1,"seq":4,"at":"20')]))

    const next = await openTestTrail(dir)
    await next.trail.append(policyLoaded(2))
    await next.trail.close()
    const torn = (await readTrail(dir)).find(({ event }) => event === 'trail.torn')
    expect(torn).toMatchObject({ file: name, bytes: 23, moved_to: `${name}.${whole.length}.torn` })
    expect(await readFile(join(dir, `${name}.${whole.length}.torn`), 'utf8')).toBe('{"v":1,"seq":4,"at":"20')
    expect((await verifyTrail(dir, withKey))[0]).toMatchObject({ break: undefined, torn: 1 })
  })

  test('a file that holds nothing but a torn line is begun anew', async () => {
    const dir = await makeFolder()
    await writeFile(join(dir, 'trail-r1-2026-11-20.jsonl'), '{"v":1,')
    const { trail } = await openTestTrail(dir, { now: () => new Date('2026-11-20T10:00:00Z') })
    await trail.close()
    expect((await readTrail(dir)).map(({ event }) => event)).toEqual(['trail.opened', 'trail.torn', 'checkpoint'])
    expect((await verifyTrail(dir, withKey))[0]?.break).toBeUndefined()
  })

  test('a last line that was edited stops the start: a crash does not do that', async () => {
    const dir = await makeFolder()
    const { trail } = await openTestTrail(dir)
    await trail.append(policyLoaded(1))
    await trail.close()
    const [name = ''] = await trailFiles(dir)
    const text = await readFile(join(dir, name), 'utf8')
    await writeFile(join(dir, name), text.replace(/"at":"2(?=[^\n]*\n$)/, '"at":"3'))
    await expect(openTestTrail(dir)).rejects.toMatchObject({ code: 'ERR_AUDIT', detail: expect.stringContaining(name) })
  })

  test('records that went missing while the gateway was down become a record, and verify says so for ever', async () => {
    const dir = await makeFolder()
    const first = await openTestTrail(dir)
    for (const n of [1, 2, 3]) await first.trail.append(policyLoaded(n))
    await first.trail.close()
    const [name = ''] = await trailFiles(dir)
    const lines = (await readFile(join(dir, name), 'utf8')).split('\n')
    await writeFile(join(dir, name), `${lines.slice(0, 3).join('\n')}\n`)

    const expectedHead = first.heads.at(-1)
    const second = await openTestTrail(dir, { expectedHead })
    await second.trail.close()
    expect((await readTrail(dir)).find(({ event }) => event === 'trail.cut')).toMatchObject({
      expected: { seq: expectedHead?.seq },
      found: { seq: 3 },
    })
    expect((await verifyTrail(dir, withKey))[0]?.break).toMatchObject({ kind: 'cut', file: name, line: 5 })
  })
})
