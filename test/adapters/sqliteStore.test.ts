import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/adapters/sqliteStore.ts'
import { revokedAmong } from '../../src/adapters/sqliteTables.ts'
import { vote } from '../../src/approvals/vote.ts'
import { newId } from '../../src/newId.ts'
import { aBallot, anApproval, digestNamed, HOUR, T0 } from '../approvals/fixtures.ts'
import { compileSources } from '../audit/compileSources.ts'
import { describeApprovalStore } from '../contract/approvalStore.ts'

const folder = mkdtempSync(join(tmpdir(), 'sqlite-store-'))
const sources = join(folder, 'sources')
const children = new Set<ChildProcess>()
let files = 0

beforeAll(() => compileSources(sources, ['src/adapters/sqliteStore.ts', 'src/approvals/vote.ts']))

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

function newFile(): string {
  files += 1
  return join(folder, `store-${files}.db`)
}

describeApprovalStore('SQLite store', async () => openSqliteStore(newFile()))

const terms = { needs: [{ set: 'dba', atLeast: 1 }], ttlMs: 4 * HOUR, previewRequired: false, reasonRequired: false }
const limits = { maxPendingPerCaller: 500 }

async function approvedOne(path: string, name = 'd1'): Promise<string> {
  const store = openSqliteStore(path)
  const caller = { ...anApproval().caller, key: name }
  const candidate = anApproval({ id: newId('apr', T0), caller, digest: digestNamed(name) })
  await store.openOrJoin(candidate, terms, limits, T0)
  await store.change(candidate.id, (one) => vote(one, aBallot('ann', 'approve', { digest: one.digest }), T0))
  await store.close()
  return candidate.id
}

/** Another process on the same file. It prints one JSON line for each thing that is durable. */
function startProcess(path: string, task: string, arg: string): ChildProcess {
  const script = join(import.meta.dirname, 'sqliteProcess.mjs')
  const template = JSON.stringify({ approval: anApproval({ args: { sql: 'x' } }), ballot: aBallot('bob', 'approve') })
  const child = spawn(process.execPath, [script, sources, path, task, arg, template], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

async function linesOf(child: ChildProcess): Promise<Record<string, unknown>[]> {
  if (child.stdout === null) throw new TypeError('no stdout')
  const closed = once(child, 'close')
  const lines: Record<string, unknown>[] = []
  for await (const line of createInterface(child.stdout)) {
    // The last line of a killed process may be cut.
    if (line.endsWith('}')) lines.push(JSON.parse(line))
  }
  await closed
  return lines
}

test('three processes that make 300 calls share the room of a rule: exactly 100 pass', async () => {
  const path = newFile()
  await openSqliteStore(path).close()
  const passed = await Promise.all(['1', '2', '3'].map((name) => linesOf(startProcess(path, 'charge', name))))
  expect(passed.flat()).toHaveLength(100)
  expect(passed.filter((lines) => lines.length > 0).length).toBeGreaterThan(1)
})

describe('the file', () => {
  test('and its journal can be read by their owner alone, also when the folder is new', async () => {
    const path = join(folder, 'deep', 'er', 'x.db')
    const store = openSqliteStore(path)
    await store.saveHead('gw', { file: 'a', seq: 1, hash: 'h' })
    const made = readdirSync(join(folder, 'deep', 'er'))
    expect(made).toContain('x.db-wal')
    for (const name of made) expect(statSync(join(folder, 'deep', 'er', name)).mode & 0o777).toBe(0o600)
    await store.close()
    chmodSync(path, 0o644)
    await openSqliteStore(path).close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('is refused when another program, a newer version or no database is in it, and is left as it is', async () => {
    const foreign = newFile()
    const database = new DatabaseSync(foreign)
    database.exec('CREATE TABLE theirs (a)')
    database.close()
    expect(() => openSqliteStore(foreign)).toThrow(/another program/)

    const newer = newFile()
    await openSqliteStore(newer).close()
    const raised = new DatabaseSync(newer)
    raised.exec('PRAGMA user_version = 999')
    raised.close()
    expect(() => openSqliteStore(newer)).toThrow(/newer version/)

    const noise = newFile()
    writeFileSync(noise, 'not a database, but long enough to have a header'.repeat(50))
    const before = readFileSync(noise)
    expect(() => openSqliteStore(noise)).toThrow(expect.objectContaining({ code: 'ERR_STORE' }))
    expect(readFileSync(noise)).toEqual(before)
  })

  test('that cannot be used fails with ERR_STORE and tells nothing of the driver', async () => {
    const store = openSqliteStore(newFile())
    await store.close()
    await expect(store.get('apr_x')).rejects.toMatchObject({ code: 'ERR_STORE' })
    await expect(store.get('apr_x')).rejects.toThrow(/^The approval store cannot be used, so nothing runs\.$/)
  })

  test('keeps everything across a restart', async () => {
    const path = newFile()
    const id = await approvedOne(path)
    const store = openSqliteStore(path)
    await store.revoke({ kind: 'app', id: 'a' }, 'ops', undefined, T0)
    await store.close()
    const again = openSqliteStore(path)
    expect(await again.get(id)).toMatchObject({ state: 'approved', votes: [{ subject: 'ann-oid' }] })
    expect(await again.findRevoked([{ kind: 'app', id: 'a' }])).toBeDefined()
    expect(await again.pendingEvents('trail', 10)).toHaveLength(2)
    await again.close()
  })

  test('no longer holds the arguments of a closed request, not even in free pages', async () => {
    const path = newFile()
    const store = openSqliteStore(path)
    const secret = 'very-secret-literal-4711'
    const candidate = anApproval({ id: newId('apr', T0), args: { sql: secret.repeat(2000) } })
    await store.openOrJoin(candidate, terms, limits, T0)
    // Closing moves the journal into the file: now it is there.
    await store.close()
    expect(readFileSync(path).includes(secret)).toBe(true)
    const again = openSqliteStore(path)
    await again.change(candidate.id, (one) => vote(one, aBallot('ann', 'deny'), T0))
    // A sweep is enough; nobody has to stop the gateway.
    await again.sweep(T0)
    for (const name of [path, `${path}-wal`]) expect(readFileSync(name).includes(secret)).toBe(false)
    await again.close()
  })
})

test('a look into the kill switch does not walk through everything that was ever revoked', async () => {
  const path = newFile()
  await openSqliteStore(path).close()
  const database = new DatabaseSync(path)
  for (const keys of [1, 3, 6]) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${revokedAmong(keys)}`).all(...Array(keys * 2).fill('x'))
    const steps = plan.map(({ detail }) => String(detail))
    const lookups = steps.filter((step) => step.includes('revocations_in_force (kind=? AND id=?)'))
    expect(lookups).toHaveLength(keys)
    expect(steps.filter((step) => step.startsWith('SCAN'))).toEqual([])
  }
  database.close()
})

describe('several processes on one file', () => {
  test('opening a new file at the same moment all succeed', async () => {
    const path = newFile()
    const opened = await Promise.all([1, 2, 3, 4].map((number) => linesOf(startProcess(path, 'lease', `gw-${number}`))))
    expect(opened.map((lines) => lines[0])).toEqual(
      [1, 2, 3, 4].map((number) => ({ replica: `gw-${number}`, epoch: 1 })),
    )
  })

  test('take each approval exactly once', async () => {
    const path = newFile()
    const ids: string[] = []
    for (let index = 0; index < 30; index += 1) ids.push(await approvedOne(path, `d${index}`))
    const winners = (
      await Promise.all([1, 2, 3].map((one) => linesOf(startProcess(path, 'takeAll', `gw-${one}`))))
    ).flat()
    expect(winners.map((line) => line.id).sort()).toEqual([...ids].sort())
  })

  test('a decision made by one is noticed by a waiter in the other', async () => {
    const path = newFile()
    const store = openSqliteStore(path)
    const candidate = anApproval({ id: newId('apr', T0) })
    await store.openOrJoin(candidate, terms, limits, T0)
    const wait = store.waitForChange(candidate.id, 1, 50_000, new AbortController().signal)
    await linesOf(startProcess(path, 'approve', candidate.id))
    expect(await wait).toMatchObject({ state: 'approved', votes: [{ subject: 'bob-oid' }] })
    await store.close()
  })

  test('a revocation by one is in force in the other as soon as it is made, and no longer than it is', async () => {
    const path = newFile()
    const [here, there] = [openSqliteStore(path), openSqliteStore(path)]
    const asked = () => here.findRevoked([{ kind: 'person', id: 'p' } as const, { kind: 'caller', id: 'c' } as const])
    expect(await asked()).toBeUndefined()
    const other = await there.revoke({ kind: 'app', id: 'c' }, 'ops', undefined, T0)
    expect(await asked()).toBeUndefined()
    const entry = await there.revoke({ kind: 'caller', id: 'c' }, 'ops', undefined, T0)
    expect(await asked()).toEqual(entry)
    await there.undoRevocation(other.number, 'ops', T0)
    expect(await asked()).toEqual(entry)
    await there.undoRevocation(entry.number, 'ops', T0)
    expect(await asked()).toBeUndefined()
    await there.revoke({ kind: 'person', id: 'p' }, 'ops', undefined, T0)
    expect(await asked()).toMatchObject({ kind: 'person', id: 'p' })
    // The one that cannot be asked is no permission.
    await here.close()
    await expect(asked()).rejects.toMatchObject({ code: 'ERR_STORE' })
    await there.close()
  })

  test('a revocation by one ends the wait in the other', async () => {
    const path = newFile()
    const store = openSqliteStore(path)
    const candidate = anApproval({ id: newId('apr', T0) })
    await store.openOrJoin(candidate, terms, limits, T0)
    const wait = store.waitForChange(candidate.id, 1, 50_000, new AbortController().signal)
    await linesOf(startProcess(path, 'revoke', candidate.caller.key))
    await wait
    expect(await store.findRevoked([{ kind: 'caller', id: candidate.caller.key }])).toBeDefined()
    await store.close()
  })
})

describe('kill -9', () => {
  test('between the request that a reviewer closes and the one that takes its place is no moment', async () => {
    const path = newFile()
    const promised: string[] = []
    for (let round = 0; round < 12; round += 1) {
      const child = startProcess(path, 'modify', `gw${round}`)
      let seen = 0
      child.stdout?.on('data', (chunk: Buffer) => {
        seen += chunk.toString('latin1').split('\n').length - 1
        if (seen > 2 * round) child.kill('SIGKILL')
      })
      for (const { id } of await linesOf(child)) promised.push(String(id))
      expect(child.signalCode).toBe('SIGKILL')
    }
    expect(promised.length).toBeGreaterThan(60)

    const store = openSqliteStore(path)
    const all = await store.list(['pending', 'modified'], 100_000)
    const byId = new Map(all.map((one) => [one.id, one]))
    for (const id of promised) expect(byId.has(id)).toBe(true)
    const events = (await store.pendingEvents('trail', 1_000_000)).map(
      ({ event }) => `${event.approvalId} ${event.kind}`,
    )
    for (const one of all) {
      // Whoever was replaced has a successor, and every successor its predecessor: both, or neither.
      const next = one.replacement && byId.get(one.replacement.id)
      expect(one.state).toBe(next === undefined ? 'pending' : 'modified')
      if (next !== undefined) expect(next.modification?.parent).toBe(one.id)
      if (one.modification !== undefined) expect(byId.get(one.modification.parent)?.replacement?.id).toBe(one.id)
      expect(events.includes(`${one.id} modified`)).toBe(next !== undefined)
      expect(events.filter((event) => event === `${one.id} requested`)).toHaveLength(1)
    }
    // Of each run exactly one request waits.
    expect(all.filter(({ state }) => state === 'pending')).toHaveLength(12)
    await store.close()
  })

  test('at any moment loses nothing that was promised and doubles nothing', async () => {
    const path = newFile()
    const promised = { open: new Set<string>(), approve: new Set<string>(), take: new Set<string>() }
    for (let round = 0; round < 20; round += 1) {
      const child = startProcess(path, 'churn', `gw${round}`)
      let seen = 0
      child.stdout?.on('data', (chunk: Buffer) => {
        seen += chunk.toString('latin1').split('\n').length - 1
        // At another step of the life of a request each time.
        if (seen > round) child.kill('SIGKILL')
      })
      for (const line of await linesOf(child)) promised[line.did as keyof typeof promised].add(String(line.id))
      expect(child.signalCode).toBe('SIGKILL')
    }
    expect(promised.take.size).toBeGreaterThan(20)

    const store = openSqliteStore(path)
    for (const id of promised.open) expect(await store.get(id)).toBeDefined()
    for (const id of promised.approve) expect((await store.get(id))?.votes).toHaveLength(1)
    for (const id of promised.take)
      expect(await store.get(id)).toMatchObject({ state: 'executing', args: { sql: 'x' } })
    // Each record has exactly the events of its life: none lost, none twice.
    const all = await store.list(['pending', 'approved', 'executing'], 100_000)
    const events = new Map<string, string[]>()
    for (const { event } of await store.pendingEvents('trail', 1_000_000)) {
      events.set(event.approvalId, [...(events.get(event.approvalId) ?? []), event.kind])
    }
    for (const { id, state } of all) {
      expect(events.get(id)).toEqual(state === 'pending' ? ['requested'] : ['requested', 'decided'])
    }
    expect(events.size).toBe(all.length)
    // And every execution of a killed run is found for recovery.
    const executing = all.filter((approval) => approval.state === 'executing').map((approval) => approval.id)
    const orphans = (await store.orphans(T0)).approvals.map((approval) => approval.id)
    expect(orphans.sort()).toEqual(executing.sort())
    await store.close()
  })
})
