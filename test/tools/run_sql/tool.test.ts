import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Json, StartedCall } from '../../../src/call.ts'
import { createRunSql } from '../../../src/tools/run_sql/tool.ts'
import type { OpenTool, ToolOutput, Understanding } from '../../../src/tools/tool.ts'
import { startTestServer, type TestServer } from './testServer.ts'

const signal = new AbortController().signal
const SETUP = `
  CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, email text UNIQUE, plan text DEFAULT 'free');
  INSERT INTO users SELECT g, 'user ' || g, 'user' || g || '@corp.example', 'free' FROM generate_series(1, 20) g;
  CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE, total numeric);
  INSERT INTO orders SELECT g, (g % 20) + 1, g * 1.5 FROM generate_series(1, 60) g;
  CREATE TABLE jobs (id int PRIMARY KEY, state text, due timestamptz);
  INSERT INTO jobs SELECT g, CASE WHEN g % 2 = 0 THEN 'done' ELSE 'open' END, now() FROM generate_series(1, 50) g;
  CREATE TABLE unique_late (id int, CONSTRAINT late UNIQUE (id) DEFERRABLE INITIALLY DEFERRED);
  CREATE VIEW done_jobs AS SELECT * FROM jobs WHERE state = 'done';
`

/** What the pipeline makes when a call may run. */
function started(maxRows?: number): StartedCall {
  return { callId: 'call_test', approvalId: undefined, constraints: { maxRows } } as unknown as StartedCall
}

describe.each([15, 16, 17, 18] as const)('run_sql on PostgreSQL %i', (major) => {
  let target: TestServer
  let sql: OpenTool
  beforeAll(async () => {
    target = await startTestServer(major, SETUP)
    const connections = {
      main: target.connection({
        protect: ['users.email'],
        trustedFunctions: ['public.sneak'],
        limits: { statementTimeout: '2s', maxRows: 10 },
      }),
      readonly: target.connection({ write: undefined }),
    }
    sql = createRunSql({ readSecret: target.readSecret, connections: () => connections })
  })
  afterAll(async () => {
    await sql.close()
    await target.stop()
  })

  const understand = (text: string, params: readonly Json[] = [], connection = 'main'): Promise<Understanding> =>
    sql.tool.understand({ connection, sql: text, params }, connection, signal)
  const names = ({ operations }: Understanding): readonly string[] =>
    operations.map(({ operation }) => operation).sort()
  async function run(
    text: string,
    { params = [] as readonly Json[], maxRows = undefined as number | undefined } = {},
  ): Promise<ToolOutput> {
    const understanding = await understand(text, params)
    try {
      return await understanding.execute(started(maxRows), async () => undefined, signal)
    } finally {
      await understanding.release()
    }
  }
  const count = async (table: string): Promise<unknown> =>
    (await target.admin(`SELECT count(*)::int AS n FROM ${table}`))[0]?.n

  test('reads rows with their types, and marks columns that a protected one flows into', async () => {
    const output = await run('SELECT id, name, email, lower(email) AS low, id > 1 AS later FROM users WHERE id = $1', {
      params: [2],
    })
    // Protected values are dropped as they arrive; the mask stands in their place whatever they were.
    expect(output.table?.rows).toEqual([[2, 'user 2', null, null, true]])
    expect(output.table?.columns).toMatchObject([
      { name: 'id', type: 'int4', protectedBy: [] },
      { name: 'name', protectedBy: [] },
      { name: 'email', type: 'text', protectedBy: ['users.email'] },
      { name: 'low', protectedBy: ['users.email'] },
      { name: 'later', type: 'bool', protectedBy: [] },
    ])
    expect(output).toMatchObject({ command: 'SELECT', truncated: false, caps: { maxRows: 10, maxBytes: 1024 ** 2 } })
  })

  test('hides a plan whose widths tell how long protected values are, and shows it without costs', async () => {
    const explain = async (sql: string) => (await run(sql)).table?.columns[0]?.protectedBy
    expect(await explain('EXPLAIN SELECT id, email FROM users')).toEqual(['public.users.email'])
    expect(await explain('EXPLAIN SELECT id FROM (SELECT id, email FROM users OFFSET 0) s')).toEqual([
      'public.users.email',
    ])
    expect(await explain('EXPLAIN (COSTS off, COSTS on) SELECT email FROM users')).toEqual(['public.users.email'])
    expect(await explain('EXPLAIN (COSTS off) SELECT id, email FROM users')).toEqual([])
    expect(await explain('EXPLAIN SELECT id, name FROM users')).toEqual([])
  })

  test('stops at the row cap and says so', async () => {
    const output = await run('SELECT id FROM orders ORDER BY id')
    expect(output.table?.rows.length).toBe(10)
    expect(output.truncated).toBe(true)
  })

  test('reports operations with resolved tables', async () => {
    const understanding = await understand(
      "WITH d AS (DELETE FROM jobs WHERE state = 'done' RETURNING id) SELECT count(*) FROM d",
    )
    expect(names(understanding)).toContain('DELETE')
    expect(understanding.operations.find(({ operation }) => operation === 'DELETE')?.facts).toMatchObject({
      tables: ['public.jobs'],
      where: 'present',
    })
    expect(understanding.effect).toBe('write')
    await understanding.release()
    expect(await count('jobs')).toBe(50)
  })

  test('writes, commits, and hands out the transaction before the commit', async () => {
    const understanding = await understand("UPDATE jobs SET state = 'late' WHERE id <= $1", [3])
    const refs: Json[] = []
    const output = await understanding.execute(
      started(3),
      async (ref) => {
        refs.push(ref)
        expect((await target.admin("SELECT count(*)::int AS n FROM jobs WHERE state = 'late'"))[0]?.n).toBe(0)
      },
      signal,
    )
    await understanding.release()
    expect(output).toMatchObject({ command: 'UPDATE', rowsChanged: 3, table: undefined })
    expect((await target.admin("SELECT count(*)::int AS n FROM jobs WHERE state = 'late'"))[0]?.n).toBe(3)
    expect(await sql.lookUpOutcome('main', refs[0] ?? null)).toBe('committed')
    const { txid } = refs[0] as { txid: string }
    expect(await sql.lookUpOutcome('main', { txid, system: '1' })).toBe('unknown')
  })

  test('rolls back when the record of the transaction cannot be made', async () => {
    const understanding = await understand('DELETE FROM jobs WHERE id = 1')
    let ref: Json = null
    await expect(
      understanding.execute(
        started(),
        async (given) => {
          ref = given
          throw new Error('disk full')
        },
        signal,
      ),
    ).rejects.toThrow('disk full')
    await understanding.release()
    await expect.poll(() => sql.lookUpOutcome('main', ref)).toBe('aborted')
    expect(await count('jobs')).toBe(50)
  })

  test('rolls back when more rows change than allowed, cascades included', async () => {
    await expect(run('DELETE FROM users WHERE id = 1', { maxRows: 3 })).rejects.toMatchObject({
      code: 'ERR_SQL_MAX_ROWS',
      facts: { changed: 4, limit: 3 },
    })
    expect(await count('users')).toBe(20)
    expect(await count('orders')).toBe(60)
    await expect(
      run("WITH a AS (UPDATE jobs SET state = 'x' WHERE id < 10) DELETE FROM jobs WHERE id = 40", { maxRows: 5 }),
    ).rejects.toMatchObject({
      code: 'ERR_SQL_MAX_ROWS',
    })
    expect((await target.admin("SELECT count(*)::int AS n FROM jobs WHERE state = 'x'"))[0]?.n).toBe(0)
  })

  test('counts what deferred triggers change, before anything is permanent', async () => {
    await target.admin(`CREATE TABLE parents (id int PRIMARY KEY, seen int); INSERT INTO parents VALUES (1, 0);
      CREATE TABLE hit (id int); INSERT INTO hit SELECT generate_series(1, 30);
      CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.hit; RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON parents DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION at_commit();
      GRANT ALL ON parents, hit TO gate_rw`)
    await expect(run('UPDATE parents SET seen = 1', { maxRows: 3 })).rejects.toMatchObject({
      code: 'ERR_SQL_MAX_ROWS',
      facts: { changed: 31, limit: 3 },
    })
    expect(await count('hit')).toBe(30)
    expect((await run('UPDATE parents SET seen = 1')).rowsChanged).toBe(31)
    expect(await count('hit')).toBe(0)
  })

  test('cannot hold TRUNCATE to a number of rows, so it refuses', async () => {
    await expect(run('TRUNCATE unique_late', { maxRows: 5 })).rejects.toMatchObject({
      code: 'ERR_SQL_MAX_ROWS_UNKNOWN',
    })
  })

  test('a call that began before its connection was pointed elsewhere does not go there', async () => {
    const before = target.connection({ protect: ['users.email'] })
    const after = target.connection({ database: 'postgres' })
    const main = [before, after, after, after]
    const moved = createRunSql({
      readSecret: target.readSecret,
      connections: () => ({ main: main.shift() ?? after }),
    })
    const call = moved.tool.understand({ connection: 'main', sql: 'SELECT 1', params: [] }, 'main', signal)
    await expect(call).rejects.toMatchObject({ code: 'ERR_SQL_CHANGED' })
    await moved.close()
  })

  test('cannot hold a trigger that empties or drops tables to a number of rows, so it refuses', async () => {
    await target.admin(`CREATE TABLE small (id int); INSERT INTO small VALUES (1);
      CREATE TABLE large (id int); INSERT INTO large SELECT generate_series(1, 40);
      CREATE FUNCTION sweep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        AS 'BEGIN EXECUTE TG_ARGV[0]; RETURN NULL; END';
      GRANT ALL ON small, large TO gate_rw`)
    for (const order of ['TRUNCATE public.large', 'DROP TABLE public.large']) {
      await target.admin(
        `CREATE OR REPLACE TRIGGER sweep AFTER UPDATE ON small FOR EACH ROW EXECUTE FUNCTION sweep('${order}')`,
      )
      await expect(run('UPDATE small SET id = 2', { maxRows: 3 })).rejects.toMatchObject({
        code: 'ERR_SQL_MAX_ROWS_UNKNOWN',
      })
      expect(await count('large')).toBe(40)
    }
  })

  test('reports a COMMIT that the server refuses, with nothing changed', async () => {
    await expect(run('INSERT INTO unique_late VALUES (1), (1)')).rejects.toMatchObject({
      code: 'ERR_SQL_FAILED',
      facts: { sqlstate: '23505' },
    })
    expect(await count('unique_late')).toBe(0)
  })

  test('looks the outcome up when the connection is lost at the commit', async () => {
    const understanding = await understand("INSERT INTO jobs VALUES (1000, 'new', now())")
    const failing = understanding.execute(
      started(),
      async () => {
        await target.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gate_rw'")
      },
      signal,
    )
    await expect(failing).rejects.toMatchObject({ code: 'ERR_TARGET_UNAVAILABLE' })
    await understanding.release()
    expect(await count('jobs WHERE id = 1000')).toBe(0)
  })

  test('knows nothing of transactions of another server, or of the future', async () => {
    expect(await sql.lookUpOutcome('main', { txid: '700', system: '1' })).toBe('unknown')
    expect(await sql.lookUpOutcome('main', { txid: 'x' })).toBe('unknown')
    const system = String((await target.admin('SELECT system_identifier::text AS s FROM pg_control_system()'))[0]?.s)
    expect(await sql.lookUpOutcome('main', { txid: '999999999', system })).toBe('unknown')
  })

  test.each([
    ['cast', 'SELECT email::int FROM users'],
    ['not null', "INSERT INTO users (id, email) VALUES (99, 'user1@corp.example')"],
    ['unique', "INSERT INTO users (id, name, email) VALUES (99, 'x', 'user1@corp.example')"],
    ['function', "SELECT to_tsquery(email || ' & &') FROM users"],
  ])('shows nothing of a protected value in an error: %s', async (_, text) => {
    const error = await run(text).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_SQL_FAILED' })
    const { message, detail, facts } = error as { message: string; detail: string; facts: object }
    expect(JSON.stringify([message, detail, facts])).not.toMatch(/user1|corp|@/)
  })

  test('passes the message on where nothing protected is involved', async () => {
    await expect(run('SELECT nothing FROM jobs')).rejects.toMatchObject({
      detail: 'column "nothing" does not exist (SQLSTATE 42703)',
    })
    await expect(run('SELECT 1 / (id - id) FROM jobs')).rejects.toMatchObject({
      detail: 'division by zero (SQLSTATE 22012)',
    })
  })

  test('takes no idempotency key that a store could take for another one', () => {
    const fits = (key: string) =>
      sql.tool.input.safeParse({ connection: 'main', sql: 'SELECT 1', idempotency_key: key }).success
    for (const key of ['', 'a\0b', 'a\nb', '\ud800', 'a'.repeat(129)]) expect(fits(key)).toBe(false)
    for (const key of ['deploy-42', 'Größe 漢 😀', 'a b']) expect(fits(key)).toBe(true)
  })

  test('cannot leave the read-only transaction', async () => {
    const understanding = await understand('SELECT 1')
    await understanding.release()
    for (const text of ['SET TRANSACTION READ WRITE', 'COMMIT', 'SELECT 1; DROP TABLE jobs']) {
      const refused = await understand(text).then(
        async (each) => each.operations.every(({ floor }) => floor === 'deny'),
        () => true,
      )
      expect(refused).toBe(true)
    }
  })

  test('stops at the time limit of the connection, and when the caller goes away', async () => {
    await expect(run('SELECT count(*) FROM generate_series(1, 1000000000)')).rejects.toMatchObject({
      code: 'ERR_SQL_TIMEOUT',
    })
    const leaving = new AbortController()
    const understanding = await understand('SELECT count(*) FROM generate_series(1, 1000000000)')
    const running = understanding.execute(started(), async () => undefined, leaving.signal)
    setTimeout(() => leaving.abort(), 100)
    await expect(running).rejects.toMatchObject({ code: 'ERR_CANCELLED' })
    await understanding.release()
    expect((await run('SELECT 1 AS one')).table?.rows).toEqual([[1]])
  })

  test('refuses a result of more bytes than a connection may send, and serves the next call', async () => {
    await expect(run("SELECT repeat('a', 20000000)")).rejects.toMatchObject({ code: 'ERR_SQL_RESULT_TOO_LARGE' })
    expect((await run('SELECT 1 AS one')).table?.rows).toEqual([[1]])
  })

  test('explains without running, reads and writes alike', async () => {
    const before = Number(await count('jobs'))
    for (const text of [
      'EXPLAIN SELECT * FROM jobs',
      "EXPLAIN (COSTS OFF) DELETE FROM jobs WHERE state = 'done' -- WHERE",
    ]) {
      const output = await run(text)
      expect(output.command).toBe('EXPLAIN')
      expect(String(output.table?.rows[0]?.[0])).toMatch(/Scan|Delete/)
    }
    const analysed = await understand('EXPLAIN ANALYZE DELETE FROM jobs')
    expect([analysed.effect, names(analysed)]).toEqual(['write', expect.arrayContaining(['DELETE'])])
    await analysed.release()
    expect(await count('jobs')).toBe(before)
  })

  test('follows CREATE TABLE AS into the query, and CASCADE to what depends', async () => {
    const copied = await understand('CREATE TABLE leak AS SELECT email FROM users WITH NO DATA')
    expect(names(copied)).toEqual(expect.arrayContaining(['CREATE', 'SELECT', 'copy:public.users.email']))
    await copied.release()
    const dropped = await understand('DROP TABLE jobs CASCADE')
    expect(names(dropped)).toEqual(['DROP', 'cascade:public.done_jobs'])
    expect(dropped.operations[0]?.facts).toEqual({ tables: ['public.jobs'], schemas: ['public'] })
    await dropped.release()
    const renamed = await understand('ALTER TABLE users RENAME COLUMN email TO contact')
    expect(renamed.operations).toContainEqual(
      expect.objectContaining({ operation: 'protected:public.users', floor: 'require-approval' }),
    )
    await renamed.release()
    expect((await target.admin("SELECT to_regclass('leak') AS t, to_regclass('jobs')::text AS j"))[0]).toEqual({
      t: null,
      j: 'jobs',
    })
  })

  test('runs a definition and keeps it', async () => {
    await run('CREATE TABLE made (id int)')
    expect(await count('made')).toBe(0)
    await run('DROP TABLE made')
    expect((await target.admin("SELECT to_regclass('made') AS t"))[0]).toEqual({ t: null })
  })

  test('refuses writes on a connection without a role for them', async () => {
    const understanding = await understand('DELETE FROM jobs', [], 'readonly')
    expect(understanding.operations).toMatchObject([{ operation: 'DELETE', floor: 'deny' }])
    await understanding.release()
    await expect(understand('SELECT 1', [], 'nowhere')).rejects.toMatchObject({ code: 'ERR_CONNECTION_UNKNOWN' })
  })

  test('binds parameters as values, and refuses a wrong number of them', async () => {
    expect(
      (
        await run('SELECT $1::text AS a, $2::int + 1 AS b, $3::bool AS c, $4::text AS d', {
          params: ["'; DROP TABLE jobs", 41, true, null],
        })
      ).table?.rows,
    ).toEqual([["'; DROP TABLE jobs", 42, true, null]])
    await expect(understand('SELECT $1::int', [])).rejects.toMatchObject({
      code: 'ERR_SQL_PARAMS',
      facts: { wanted: 1, given: 0 },
    })
  })

  test('previews a DELETE by counting and sampling, without running it', async () => {
    const understanding = await understand("DELETE FROM users u WHERE u.plan = 'free' AND id < 4 RETURNING id -- where")
    const preview = await understanding.preview(signal)
    expect(preview).toMatchObject({ rows: 3, missing: [], sample: { rows: [[1], [2], [3]] } })
    const orders = await target.admin('SELECT count(*) FROM orders WHERE user_id IN (1, 2, 3)')
    expect(preview?.lines).toEqual([
      '3 rows of "users" AS "u"',
      `${orders[0]?.count} rows of public.orders deleted with them`,
      expect.stringMatching(/^the planner expects about \d+ rows \(.+ on users\)$/),
      expect.stringMatching(/^cascade:public\.orders/),
    ])
    await understanding.release()
    expect(await count('users')).toBe(20)
  })

  test('previews an UPDATE with parameters, and says why it cannot count', async () => {
    const update = await understand('UPDATE jobs SET state = $1 WHERE id < $2', ['new', 4])
    expect(await update.preview(signal)).toMatchObject({ rows: 3, missing: [] })
    await update.release()
    await target.admin(
      "CREATE OR REPLACE FUNCTION spy(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''ran''; END'",
    )
    const spying = await understand('DELETE FROM jobs WHERE spy(id)')
    expect(names(spying)).toContain('function:public.spy')
    expect(await spying.preview(signal)).toMatchObject({
      rows: undefined,
      missing: [expect.stringMatching(/functions that are not known to be harmless/)],
    })
    expect((await spying.preview(signal))?.lines.join()).not.toContain('planner')
    await spying.release()
  })

  test('a preview over protected values takes as long whatever they are, and says nothing by failing', async () => {
    const preview = async (condition: string) => {
      const understanding = await understand(
        `UPDATE jobs SET state = 'x' WHERE (SELECT ${condition} FROM users WHERE id = 1)`,
      )
      const start = performance.now()
      const found = await understanding.preview(signal)
      await understanding.release()
      return { found, ms: performance.now() - start }
    }
    const plain = await preview("email > 'a'")
    const slow = await preview(
      "CASE WHEN email > 'a' THEN (SELECT count(*) > 0 FROM generate_series(1, 100000000)) END",
    )
    const failing = await preview("CASE WHEN email > 'a' THEN 1 / (id - 1) = 1 END")
    expect(plain.found?.rows).toBeGreaterThan(0)
    for (const { found, ms } of [plain, slow, failing]) {
      expect(found?.missing).toEqual([])
      expect(ms).toBeGreaterThan(1_200)
      expect(ms).toBeLessThan(2_000)
    }
    expect(slow.found?.lines.join()).toContain('Counting the rows took too long.')
  })

  test('previews an INSERT of written rows by counting them', async () => {
    const inserting = await understand("INSERT INTO jobs (id, state) VALUES (8001, 'a'), (8002, 'b')")
    expect(await inserting.preview(signal)).toMatchObject({ rows: 2, lines: ['2 rows to insert'], missing: [] })
    await inserting.release()
  })

  test('previews what cannot be counted by its plan, and the transaction is still good afterwards', async () => {
    const inserting = await understand('INSERT INTO jobs (id, state) SELECT id + 9000, state FROM jobs WHERE id < 5')
    expect(await inserting.preview(signal)).toMatchObject({
      rows: undefined,
      lines: [expect.stringMatching(/^the planner expects about \d+ rows/)],
      missing: [expect.stringContaining('counted')],
    })
    const before = Number(await count('jobs'))
    await inserting.execute(started(), async () => {}, signal)
    await inserting.release()
    expect(await count('jobs')).toBe(before + 4)
  })

  test('marks row locks and refuses SELECT INTO', async () => {
    const locking = await understand('SELECT id FROM jobs FOR UPDATE')
    expect([names(locking), locking.effect]).toEqual([['LOCK', 'SELECT'], 'write'])
    await locking.release()
    const into = await understand('SELECT id INTO copied FROM jobs')
    expect(into.operations).toContainEqual(expect.objectContaining({ operation: 'CREATE', floor: 'deny' }))
    await into.release()
  })

  test.each([
    'GRANT SELECT ON ALL TABLES IN SCHEMA public TO gate_ro',
    'CREATE INDEX ON users (email)',
    'ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES users (id)',
  ])('never lets a rule alone allow %s, which reaches protected columns', async (text) => {
    const understanding = await understand(text)
    expect(understanding.operations).toContainEqual(
      expect.objectContaining({ operation: expect.stringMatching(/^protected:/), floor: 'require-approval' }),
    )
    await understanding.release()
  })

  test('refuses output when a function was redefined after it was judged', async () => {
    const define = (body: string) =>
      target.admin(`CREATE OR REPLACE FUNCTION tag(int) RETURNS text STABLE LANGUAGE sql AS $$ ${body} $$`)
    await define("SELECT 'a'")
    const understanding = await understand('SELECT tag(1)')
    await define('SELECT email FROM users LIMIT 1')
    await expect(understanding.execute(started(), async () => undefined, signal)).rejects.toMatchObject({
      code: 'ERR_SQL_CHANGED',
    })
    await understanding.release()
  })

  test('runs reads READ ONLY, whatever rights a trusted function has', async () => {
    await target.admin(
      "CREATE OR REPLACE FUNCTION sneak() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'DELETE FROM jobs RETURNING 1'",
    )
    await expect(run('SELECT sneak()')).rejects.toMatchObject({ facts: { sqlstate: '25006' } })
    expect(await count('jobs')).toBeGreaterThan(0)
  })

  test('rolls a write back when a function was redefined after it was judged', async () => {
    const define = (body: string) =>
      target.admin(`CREATE OR REPLACE FUNCTION tag(int) RETURNS text STABLE LANGUAGE sql AS $$ ${body} $$`)
    await define("SELECT 'judged'")
    const understanding = await understand('UPDATE jobs SET state = tag(1) WHERE id = 50')
    await define("SELECT 'redefined'")
    const failing = understanding.execute(started(), async () => undefined, signal)
    await expect(failing).rejects.toMatchObject({ code: 'ERR_SQL_CHANGED' })
    await understanding.release()
    expect(await count("jobs WHERE state IN ('judged', 'redefined')")).toBe(0)
  })

  test('hides literals that may be protected values from reviewers, and only those', async () => {
    const understanding = await understand(
      "UPDATE users SET plan = 'pro' WHERE email = 'user1@corp.example' AND id = 1",
    )
    const [field] = understanding.request
    expect(field?.hidden.map(({ start, end }) => field.text.slice(start, end))).toEqual(["'user1@corp.example'"])
    await understanding.release()
    const params = await understand('SELECT id FROM users WHERE email = $1', ['user1@corp.example'])
    expect(params.request[1]).toMatchObject({ name: 'params', hidden: [{ start: 1, end: 21 }] })
    await params.release()
  })

  test('judges the same statement the same, and another after a redefinition', async () => {
    const judged = async (): Promise<string> => {
      const understanding = await understand('SELECT * FROM done_jobs')
      await understanding.release()
      return JSON.stringify(understanding.judged)
    }
    const before = await judged()
    expect(await judged()).toBe(before)
    await target.admin("CREATE OR REPLACE VIEW done_jobs AS SELECT * FROM jobs WHERE state <> 'open'")
    expect(await judged()).not.toBe(before)
  })

  test('tests its own privileges', async () => {
    const findings = await sql.selfTest('main')
    expect(findings.filter(({ level }) => level === 'error')).toEqual([])
    expect(findings.filter(({ level }) => level === 'ok').map(({ about }) => about)).toEqual([
      'connections.main.read',
      'connections.main.write',
    ])
  })
})
