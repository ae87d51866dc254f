import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StartedCall } from '../../../src/call.ts'
import { executeRead, type OpenStatement } from '../../../src/tools/run_sql/execute.ts'
import { noteRun } from '../../../src/tools/run_sql/holdStatement.ts'
import { judgeInTransaction } from '../../../src/tools/run_sql/judgeAgain.ts'
import {
  createSessionPool,
  type SessionPool,
  type TakenSession,
} from '../../../src/tools/run_sql/session/createSessionPool.ts'
import { createHeldStatements } from '../../../src/tools/run_sql/session/heldStatements.ts'
import type { PostgresConnection } from '../../../src/tools/run_sql/settings.ts'
import { classify } from '../../../src/tools/run_sql/syntax/classify.ts'
import { parseStatement } from '../../../src/tools/run_sql/syntax/parse.ts'
import { createRunSql } from '../../../src/tools/run_sql/tool.ts'
import type { OpenTool, ToolOutput, Understanding } from '../../../src/tools/tool.ts'
import { startTestServer, type TestServer } from './testServer.ts'

const signal = new AbortController().signal
const started = { callId: 'call_test', approvalId: undefined, constraints: {} } as unknown as StartedCall
const SCHEMA = `
  DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app;
  DROP OPERATOR IF EXISTS app.=== (int, int);
  GRANT USAGE ON SCHEMA public, app TO gate_ro;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public, app GRANT SELECT ON TABLES TO gate_ro;
  CREATE TYPE public.mood AS ENUM ('calm'); CREATE FUNCTION public.one() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
  CREATE TABLE t (id int, name text, day date, mood mood); INSERT INTO t VALUES (1, 'one', '2026-01-01', 'calm'), (2, 'two', '2026-02-02', 'calm');
  CREATE VIEW v AS SELECT id, name FROM t WHERE id < 10;
  CREATE TABLE "it's \\ $1::oid[]
" ("it's \\ $1::oid[]" int);
  CREATE TABLE secured (id int); ALTER TABLE secured ENABLE ROW LEVEL SECURITY
`

describe.each([15, 16, 17, 18] as const)('a read that comes again, on PostgreSQL %i', (major) => {
  let target: TestServer
  let settings: PostgresConnection
  let gate: OpenTool
  beforeAll(async () => {
    target = await startTestServer(major, '')
  })
  afterAll(() => target.stop())
  beforeEach(async () => {
    await target.admin(SCHEMA)
    settings = target.connection({ searchPath: ['app', 'public'], limits: { maxSessions: 1 } })
    gate = createRunSql({ readSecret: target.readSecret, connections: () => ({ main: settings }) })
  })
  afterEach(() => gate.close())

  const understand = (sql: string, params: readonly string[] = []): Promise<Understanding> =>
    gate.tool.understand({ connection: 'main', sql, params }, 'main', signal)
  const run = async (understanding: Understanding): Promise<ToolOutput> => {
    try {
      return await understanding.execute(started, async () => undefined, signal)
    } finally {
      await understanding.release()
    }
  }
  const read = async (sql: string, params: readonly string[] = []) =>
    (await run(await understand(sql, params))).table?.rows
  /** Takes a transaction id: they are given out one after the other. */
  const nextId = async (): Promise<bigint> => {
    const [row] = await target.admin('SELECT pg_catalog.pg_current_xact_id()::text AS id')
    return BigInt(String(row?.id))
  }
  /** An analysis makes a temporary object, which takes a transaction id; what the session holds takes none. */
  async function isHeld(sql: string, params: readonly string[] = []): Promise<boolean> {
    return (await transactionsOf(() => read(sql, params))) === 0n
  }
  /** How many take an id meanwhile. */
  async function transactionsOf(work: () => Promise<unknown>): Promise<bigint> {
    const before = await nextId()
    await work()
    return (await nextId()) - before - 1n
  }

  test.each([
    `SELECT "it's \\ $1::oid[]" FROM "it's \\ $1::oid[]
"`,
    'SELECT id, name FROM t WHERE id = 1',
    'SELECT id, name FROM t WHERE id = 1;',
    ' /* first */ SELECT t.id, count(*), max(v.name) FROM t JOIN v USING (id) GROUP BY 1 ORDER BY 1 ; -- last',
    "WITH late AS (SELECT * FROM t WHERE day > '2026-01-15') SELECT id, row_number() OVER (ORDER BY day) FROM late LIMIT 3",
    "SELECT lower(name), now() - interval '1 day' > day, current_date FROM t WHERE id = ANY ('{1,2}'::int[]) OR name LIKE 't%'",
    'TABLE v',
    'VALUES (1, 2), (3, 4)',
    'SELECT id, id FROM t',
    "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname = 't'",
    "SELECT name FROM t WHERE name IN ('known', 'today')",
  ])('is analysed once, and then runs as it was analysed: %s', async (sql) => {
    const rows = await read(sql)
    expect(await isHeld(sql)).toBe(false)
    expect(await isHeld(sql)).toBe(true)
    expect(await isHeld(sql)).toBe(true)
    expect(await read(sql)).toHaveLength(rows?.length ?? -1)
  })

  test.each([
    ['a word that means another day tomorrow', "SELECT id FROM t WHERE day < 'Tomorrow'"],
    ['a word like that, written otherwise', "SELECT id FROM t WHERE day < E'tod\\x61y'"],
    ['a name in a literal', "SELECT 't'::regclass::oid FROM t"],
    ['a literal of a type of their own', "SELECT id FROM t WHERE mood = 'calm'"],
    ['a function of their own', 'SELECT one() FROM t'],
    ['a word like that, written as arrays are', "SELECT id FROM t WHERE day = ANY ('{to\\day}'::date[])"],
    ['a collation', 'SELECT name FROM t ORDER BY name COLLATE "C"'],
    ['row security', 'SELECT id FROM secured'],
    ['a function that may have an effect', 'SELECT pg_advisory_lock(id) FROM t WHERE id = 1'],
    ['a plan', 'EXPLAIN (COSTS OFF) SELECT id FROM t'],
  ])('is analysed each time when there is more to its meaning: %s', async (_, sql) => {
    for (let time = 0; time < 4; time++) expect(await isHeld(sql)).toBe(false)
  })

  test('is analysed each time when it has parameters', async () => {
    for (let time = 0; time < 4; time++)
      expect(await isHeld('SELECT name FROM t WHERE id = $1::int', ['1'])).toBe(false)
  })

  const HOLD = async (sql: string): Promise<void> => {
    for (let time = 0; time < 3; time++) await read(sql)
    expect(await isHeld(sql)).toBe(true)
  }

  test('means the table that comes first on the search path, also when that was made a moment ago', async () => {
    await HOLD('SELECT name FROM t WHERE id = 1')
    await target.admin("CREATE TABLE app.t (id int, name text); INSERT INTO app.t VALUES (1, 'first')")
    expect(await read('SELECT name FROM t WHERE id = 1')).toEqual([['first']])
    await target.admin('DROP TABLE app.t')
    expect(await read('SELECT name FROM t WHERE id = 1')).toEqual([['one']])
  })

  test('reads the clock of the time zone that the server has by now', async () => {
    // Liberia was 44 minutes and a half behind until 1972, and has the time of UTC since.
    const sql = "SELECT extract(epoch FROM '1970-06-01 00:00'::timestamptz)::int"
    try {
      await target.admin("ALTER SYSTEM SET TimeZone = 'UTC'")
      await target.admin('SELECT pg_reload_conf()')
      await expect.poll(() => read(sql)).toEqual([[13_046_400]])
      await HOLD(sql)
      await target.admin("ALTER SYSTEM SET TimeZone = 'Africa/Monrovia'")
      await target.admin('SELECT pg_reload_conf()')
      await expect.poll(() => read(sql)).toEqual([[13_049_070]])
    } finally {
      await target.admin('ALTER SYSTEM RESET TimeZone')
    }
  })

  test('finds a schema closed that its role may only look into as a member of another', async () => {
    await target.admin(
      "DROP ROLE IF EXISTS viewers; CREATE ROLE viewers; CREATE SCHEMA closed; CREATE TABLE closed.c AS SELECT 'seen' AS seen; GRANT SELECT ON closed.c TO gate_ro; GRANT USAGE ON SCHEMA closed TO viewers; GRANT viewers TO gate_ro",
    )
    await HOLD('SELECT seen FROM closed.c')
    await target.admin('REVOKE viewers FROM gate_ro')
    await expect(read('SELECT seen FROM closed.c')).rejects.toMatchObject({ code: 'ERR_SQL_FAILED' })
    await target.admin('DROP SCHEMA closed CASCADE; DROP ROLE viewers')
  })

  test('is held again after statistics and rows have changed', async () => {
    const sql = 'SELECT count(*) FROM t'
    await HOLD(sql)
    await target.admin('INSERT INTO t VALUES (3); ANALYZE t')
    expect(await read(sql)).toEqual([[3]])
    expect(await isHeld(sql)).toBe(true)
  })

  describe('and that the server analyses again after it was judged', () => {
    /** Something that makes a server forget every analysis and waits for no lock. */
    const FORGET = 'CREATE OPERATOR app.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)'
    let pool: SessionPool
    beforeEach(() => {
      pool = createSessionPool(settings, 'read', target.readSecret)
    })
    afterEach(() => pool.close())

    /** The third judgement of a statement, which the session holds since the second; `change` comes right after it. */
    async function judgeHeld(session: TakenSession, sql: string, change: string): Promise<OpenStatement> {
      const call = { settings, sql, params: [], statement: classify(await parseStatement(sql, major)) }
      const { judgement, asked = [] } = await judgeInTransaction(session, call, undefined, signal)
      const kept = { ...call, judgement, asked, described: { name: 'sql', text: sql, hidden: [], literals: [] } }
      noteRun(kept)
      await session.reset()
      await judgeInTransaction(session, call, kept, signal)
      await session.reset()
      const held = await judgeInTransaction(session, call, kept, signal)
      expect(held.held).toBeDefined()
      await target.admin(change)
      // It hears of a change when it opens a catalog.
      await session.query('SELECT FROM pg_catalog.pg_ts_template')
      return { ...call, ...held, session, connectionName: 'main' }
    }

    test('is judged once more, and runs when it is what was decided about', async () => {
      const session = await pool.take(signal)
      const runs: (string | undefined)[] = []
      const watched: TakenSession = {
        ...session,
        run: async (request) => {
          const result = await session.run(request)
          runs.push(request.prepared?.name)
          return result
        },
      }
      const open = await judgeHeld(watched, 'SELECT name FROM t WHERE id = 1', FORGET)
      expect((await executeRead(open, signal)).table?.rows).toEqual([['one']])
      expect(runs).toEqual([open.held?.name, undefined])
      // The first run is not the one that is answered, and its transaction is over.
      expect((await session.query('SHOW transaction_read_only')).rows).toEqual([{ transaction_read_only: 'on' }])
      session.release()
    })

    test('is not answered when it is something else by now', async () => {
      const session = await pool.take(signal)
      const change = `${FORGET}; CREATE TABLE app.t (id int, name text)`
      const open = await judgeHeld(session, 'SELECT name FROM t WHERE id = 1', change)
      await expect(executeRead(open, signal)).rejects.toMatchObject({ code: 'ERR_SQL_CHANGED' })
      session.release()
    })

    test('is not answered when rows of a protected heir have come to it, which waits for no lock', async () => {
      await target.admin(`CREATE TABLE u (phone text); CREATE TABLE y () INHERITS (u); CREATE TABLE x (phone text);
        CREATE TABLE w (phone text) INHERITS (x); INSERT INTO w VALUES ('known')`)
      settings = target.connection({ protect: ['w.phone'] })
      const protecting = createSessionPool(settings, 'read', target.readSecret)
      const session = await protecting.take(signal)
      const open = await judgeHeld(session, 'SELECT phone FROM u', 'ALTER TABLE x INHERIT y')
      await expect(executeRead(open, signal)).rejects.toMatchObject({ code: 'ERR_SQL_CHANGED' })
      session.release()
      await protecting.close()
    })
  })

  test('is not answered with rows of a protected heir that came meanwhile, also when it is read for the first time', async () => {
    await target.admin(`CREATE TABLE u (phone text); CREATE TABLE y () INHERITS (u); CREATE TABLE x (phone text);
      CREATE TABLE w (phone text) INHERITS (x); INSERT INTO w VALUES ('known')`)
    settings = target.connection({ protect: ['w.phone'] })
    const understanding = await understand('SELECT phone FROM u')
    await target.admin('ALTER TABLE x INHERIT y')
    await expect(run(understanding)).rejects.toMatchObject({ code: 'ERR_SQL_CHANGED' })
    const judged = await understand('SELECT phone FROM u')
    expect((await run(judged)).table?.columns).toMatchObject([{ name: 'phone', protectedBy: ['w.phone'] }])
  })

  test('keeps what it reads from being redefined until it has run', async () => {
    const sql = 'SELECT name FROM v WHERE id = 1'
    await HOLD(sql)
    const understanding = await understand(sql)
    const redefine = "SET lock_timeout = '100ms'; CREATE OR REPLACE VIEW v AS SELECT id, name || '!' AS name FROM t"
    await expect(target.admin(redefine)).rejects.toThrow('lock timeout')
    expect((await run(understanding)).table?.rows).toEqual([['one']])
    await target.admin(redefine)
    expect(await read(sql)).toEqual([['one!']])
  })

  test('runs READ ONLY, also when it is held', async () => {
    const sql = "SELECT current_setting('transaction_read_only') FROM t WHERE id = 1"
    await HOLD(sql)
    expect(await read(sql)).toEqual([['on']])
  })

  test('runs in a transaction that cannot write', async () => {
    const sql = 'SELECT name FROM t WHERE id = 1'
    await HOLD(sql)
    await target.admin(
      "CREATE SEQUENCE s; CREATE FUNCTION sly() RETURNS text STABLE LANGUAGE sql AS $$ SELECT nextval('s')::text $$; GRANT USAGE ON SEQUENCE s TO gate_ro; CREATE OR REPLACE VIEW v AS SELECT id, sly() AS name FROM t",
    )
    settings = target.connection({ trustedFunctions: ['public.sly'], searchPath: ['app', 'public'] })
    await expect(read('SELECT name FROM v')).rejects.toMatchObject({ code: 'ERR_SQL_FAILED' })
    expect(await read(sql)).toEqual([['one']])
  })

  test('is analysed each time when it may be refused: a plan of it is not made before, which calls functions to estimate', async () => {
    const [row] = await target.admin("SELECT 't'::regclass::oid AS oid")
    const sql = `SELECT t.id FROM t JOIN v USING (id) WHERE t.name = table_to_xml(${row?.oid}::oid::regclass, true, false, '')::text`
    for (let time = 0; time < 4; time++) {
      const judge = async (): Promise<void> => {
        const { operations, release } = await understand(sql)
        expect(operations).toContainEqual(expect.objectContaining({ floor: 'deny' }))
        await release()
      }
      expect(await transactionsOf(judge)).not.toBe(0n)
    }
  })

  test('is held only once it has run: nobody has a plan made of what they may not read', async () => {
    const sql = "SELECT id FROM t WHERE name LIKE 'o%'"
    const judge = async () => (await understand(sql)).release()
    for (let time = 0; time < 4; time++) expect(await transactionsOf(judge)).not.toBe(0n)
    await read(sql)
    await judge()
    expect(await transactionsOf(judge)).toBe(0n)
  })

  test('is seen by nobody else who has the session, also not through a view', async () => {
    await target.admin('CREATE VIEW seen AS SELECT statement FROM pg_prepared_statements')
    await HOLD("SELECT name FROM t WHERE name = 'private'")
    for (const sql of ['SELECT statement FROM seen', 'SELECT (pg_prepared_statement()).statement']) {
      const { operations, release } = await understand(sql)
      expect(operations).toContainEqual(expect.objectContaining({ floor: 'deny' }))
      await release()
    }
  })

  test('has left its transaction when it is answered, so that nothing keeps a change waiting', async () => {
    const sql = 'SELECT name FROM t WHERE id = 1'
    await HOLD(sql)
    const understanding = await understand(sql)
    await understanding.execute(started, async () => undefined, signal)
    await target.admin("SET lock_timeout = '2s'; ALTER TABLE t ADD COLUMN more int")
    await understanding.release()
    expect(await read(sql)).toEqual([['one']])
  })

  test('leaves no more than so many prepared statements in a session', async () => {
    for (let n = 0; n < 40; n++) await HOLD(`SELECT id + ${n} FROM t`)
    expect(await isHeld('SELECT id + 39 FROM t')).toBe(true)
    expect(await isHeld('SELECT id + 0 FROM t')).toBe(false)
  }, 60_000)
})

describe('createHeldStatements', () => {
  test('lets go of what was used least lately, and says so once', () => {
    const parsed: Record<string, string> = {}
    const held = createHeldStatements(() => parsed)
    const judgements = Array.from({ length: 25 }, (_, number) => ({ number }))
    const names = judgements.map((judgement, number) => {
      const proposal = held.propose(`SELECT ${number};`, `SELECT ${number}`, `WATCH ${number}`)
      parsed[proposal.name] = proposal.text
      parsed[proposal.witness.name] = proposal.witness.text
      parsed[proposal.watch.name] = proposal.watch.text
      if (number === 24) expect(held.find(judgements[0] ?? {})).toBeDefined()
      held.hold(judgement, proposal, { answer: `at ${number}`, watched: 'now' })
      return [proposal.name, proposal.witness.name, proposal.watch.name]
    })
    expect(judgements.map((judgement) => held.find(judgement)?.answer)).toEqual(
      judgements.map(({ number }) => (number === 1 ? undefined : `at ${number}`)),
    )
    expect(held.takeDropped()).toEqual(names[1])
    expect(held.takeDropped()).toEqual([])
  })

  test('knows nothing of what the server has lost', () => {
    const parsed: Record<string, string> = {}
    const held = createHeldStatements(() => parsed)
    for (const lost of ['name', 'witness', 'watch'] as const) {
      const judgement = {}
      const proposal = held.propose('SELECT 1', 'WITNESS 1', 'WATCH 1')
      parsed[proposal.name] = proposal.text
      parsed[proposal.witness.name] = proposal.witness.text
      parsed[proposal.watch.name] = proposal.watch.text
      held.hold(judgement, proposal, { answer: 'now', watched: 'now' })
      expect(held.find(judgement)).toBeDefined()
      delete parsed[lost === 'name' ? proposal.name : proposal[lost].name]
      expect(held.find(judgement)).toBeUndefined()
      expect(held.takeDropped()).toHaveLength(2)
    }
  })
})
