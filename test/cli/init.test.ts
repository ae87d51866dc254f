import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runInit } from '../../src/cli/init.ts'
import { runSetupSql } from '../../src/cli/setupSql.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { GateError } from '../../src/errors.ts'
import { check, policyTest } from '../../src/offline.ts'
import { openTools } from '../../src/tools/openTools.ts'
import { type RealDatabase, startRealDatabase } from '../fixtures/realDatabase.ts'

const NEVER_SECRET = { readSecret: async () => '', alsoSecret: () => {}, connections: () => ({}) }
const { tools } = openTools(NEVER_SECRET)
const PASSWORD = 'pg-password-canary-5521'

let dir: string
let lines: string[]
const terminal: Terminal = { colour: false, width: 100, write: (line = '') => void lines.push(line) }
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-init-'))
  lines = []
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const nobody = {
  ...{ tenantId: undefined, clientId: undefined, reviewerClientId: undefined, publicUrl: undefined },
  ...{ postgres: [], password: undefined },
}

test('without a database it says what to name', async () => {
  await expect(runInit({ ...nobody, dir, postgres: [] }, tools, terminal)).rejects.toThrow('--postgres')
  expect(await readdir(dir)).toEqual([])
})

test.each([
  ['postgres://u:hunter2-secret@127.0.0.1/app', 'holds a password'],
  ['postgres://u@127.0.0.1/app?password=hunter2-secret', 'holds a password'],
  ['mysql://u@127.0.0.1/app', 'scheme'],
  ['postgres://u@127.0.0.1/', 'names no database'],
  ['postgres://u@db.example/app?sslmode=disable', 'loopback hosts only'],
  ['postgres://u@db.example/app?sslmode=prefer', 'sslmode is one of'],
  ['postgres://u@db.example/app?options=-c', 'only sslmode'],
  ['not a url', 'not a URL'],
])('the URL %s is refused with a reason, and not repeated', async (url, reason) => {
  const refused = await runInit({ ...nobody, dir, postgres: [url] }, tools, terminal).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(GateError)
  expect((refused as GateError).message).toContain(reason)
  expect((refused as GateError).message).not.toContain('hunter2')
})

describe('in front of a real database', () => {
  let database: RealDatabase
  let url: string
  beforeAll(async () => {
    database = await startRealDatabase()
    await database.admin(`
      CREATE SCHEMA "odd ""name";
      CREATE TABLE "odd ""name"."Cus'tomers" (id int, "apiKey" text, "e\nmail" text, email_verified boolean, note text);
      CREATE DOMAIN iban_code AS text;
      CREATE TABLE accounts (id int, iban iban_code, "phone number" varchar(40), emailer_id int, discard text);
      CREATE FUNCTION as_owner() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`)
    url = `postgres://${database.superuser.user}@127.0.0.1:${database.port}/app`
  })
  afterAll(() => database.stop())

  const init = (over = {}) =>
    runInit({ ...nobody, dir, postgres: [url], password: database.superuser.password, ...over }, tools, terminal)

  /** What psql would do with the script; its own commands ask for passwords. */
  async function runScript(sql: string, passwords: Readonly<Record<string, string>>): Promise<void> {
    await database.admin(sql.replaceAll(/^\\password.*$/gm, ''))
    for (const [role, password] of Object.entries(passwords)) {
      await database.admin(`ALTER ROLE ${role} PASSWORD '${password}'`)
    }
  }

  async function asRole(user: string, sql: string): Promise<unknown[]> {
    const client = new Client({ host: '127.0.0.1', port: database.port, user, password: PASSWORD, database: 'app' })
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }

  test('it replaces no file', async () => {
    await writeFile(join(dir, 'countersign.yaml'), 'mine')
    await expect(init()).rejects.toMatchObject({ code: 'ERR_ARGUMENTS' })
    expect(await readFile(join(dir, 'countersign.yaml'), 'utf8')).toBe('mine')
  })

  test('it proposes what names tell, whole words only, and nothing that cannot hold it', async () => {
    await init()
    const text = await readFile(join(dir, 'countersign.yaml'), 'utf8')
    const protect = text.split('protect:')[1]?.split('predicates:')[0] ?? ''
    const found = [...protect.matchAll(/- (\S+)/g)].map(([, column]) => column)
    expect(lines.join('\n')).toContain('begins with 00000000')
    expect(found).toEqual(['public.accounts.iban', 'public.users.email', 'public.users.ssn'])
    expect(lines.join('\n')).toContain('PostgreSQL 18')
  })

  test('from its files to a gate that checks out: the script, the policy tests, countersign check', async () => {
    await init()
    const script = await readFile(join(dir, 'setup-app.sql'), 'utf8')
    const passwords = { gate_app_ro: PASSWORD, gate_app_rw: PASSWORD }
    await runScript(script, passwords)
    await runScript(script, passwords)

    lines = []
    expect(await policyTest({ folder: dir, json: false }, terminal)).toBe(0)
    expect(lines.at(-1)).toBe('4 passed, 0 failed')

    lines = []
    process.env.COUNTERSIGN_APP_RO_PASSWORD = PASSWORD
    process.env.COUNTERSIGN_APP_RW_PASSWORD = PASSWORD
    try {
      expect(await check({ configPath: join(dir, 'countersign.yaml'), json: false }, terminal)).toBe(0)
    } finally {
      delete process.env.COUNTERSIGN_APP_RO_PASSWORD
      delete process.env.COUNTERSIGN_APP_RW_PASSWORD
    }
    const shown = lines.join('\n')
    expect(shown).toContain('connects to PostgreSQL 18')
    // The one thing that only the owner can decide.
    expect(
      lines
        .filter((line) => /^(?:error|warning)/.test(line))
        .every((line) => line.includes('SECURITY DEFINER') || line.includes('COUNTERSIGN') || line.includes('group')),
    ).toBe(true)
    expect(shown).not.toContain(PASSWORD)
  })

  test('the roles can do their part and no more; the masked views show no protected value', async () => {
    await init()
    await runScript(await readFile(join(dir, 'setup-app.sql'), 'utf8'), {
      gate_app_ro: PASSWORD,
      gate_app_rw: PASSWORD,
    })
    expect(await asRole('gate_app_ro', 'SELECT count(*)::int AS n FROM users')).toEqual([{ n: 500 }])
    await expect(asRole('gate_app_ro', 'DELETE FROM jobs')).rejects.toThrow('permission denied')
    await expect(asRole('gate_app_rw', 'TRUNCATE jobs')).rejects.toThrow('permission denied')
    await expect(asRole('gate_app_rw', 'CREATE TABLE x ()')).rejects.toThrow('permission denied')
    await asRole('gate_app_rw', 'BEGIN; DELETE FROM job_logs WHERE id = 1; ROLLBACK')
    await expect(asRole('gate_app_ro', 'SELECT * FROM countersign_masked.users')).rejects.toThrow('permission denied')
    const rows = await database.admin('SELECT DISTINCT email, ssn FROM countersign_masked.users')
    expect(rows).toEqual([{ email: null, ssn: null }])
    // Tables of later are readable too.
    await database.admin('CREATE TABLE later (id int)')
    expect(await asRole('gate_app_ro', 'SELECT * FROM later')).toEqual([])
  })

  test('setup-sql grants what some rule lets happen, and says so when nothing changes rows', async () => {
    await init()
    const request = { configPath: join(dir, 'countersign.yaml'), connection: 'app' }
    const asAdmin = { postgres: url, password: database.superuser.password }
    const readSecret = async () => PASSWORD
    lines = []
    await runSetupSql({ ...request, ...asAdmin }, { tools, readSecret }, terminal)
    expect(lines.join('\n')).toMatch(/GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "public" TO "gate_app_rw"/)
    expect(lines.join('\n')).toContain('REVOKE EXECUTE ON FUNCTION public.as_owner() FROM PUBLIC')

    const policy = join(dir, 'policies', 'app.yaml')
    const text = await readFile(policy, 'utf8')
    await writeFile(policy, text.replace('INSERT|UPDATE|DELETE|MERGE', 'COMMENT'))
    lines = []
    await runSetupSql({ ...request, ...asAdmin }, { tools, readSecret }, terminal)
    expect(lines.join('\n')).toContain('the role that writes may not either')
    expect(lines.join('\n')).not.toMatch(/GRANT [A-Z, ]*(?:INSERT|DELETE)/)
  })

  test('setup-sql does without the database where it cannot look at it, and names a connection that is near', async () => {
    await init()
    const request = { configPath: join(dir, 'countersign.yaml'), postgres: undefined, password: undefined }
    const readSecret = async () => 'wrong'
    lines = []
    await runSetupSql({ ...request, connection: 'app' }, { tools, readSecret }, terminal)
    expect(lines.join('\n')).toContain('was not looked at')
    await expect(runSetupSql({ ...request, connection: 'ap' }, { tools, readSecret }, terminal)).rejects.toThrow('app')
  })

  test('a wrong password is told as such, without it', async () => {
    const refused = await init({ password: PASSWORD }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'ERR_TARGET_CREDENTIALS' })
    expect(String((refused as GateError).message)).not.toContain(PASSWORD)
  })
})
