import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StartedCall } from '../../../../src/call.ts'
import { GateError } from '../../../../src/errors.ts'
import { createRunSql } from '../../../../src/tools/run_sql/tool.ts'
import type { OpenTool, ToolOutput, Understanding } from '../../../../src/tools/tool.ts'
import { startTestServer, type TestServer } from '../testServer.ts'

const signal = new AbortController().signal
const SETUP = `
  CREATE SCHEMA app;
  GRANT USAGE, CREATE ON SCHEMA app TO gate_rw;
  SET ROLE gate_rw;
  CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, email text UNIQUE);
  INSERT INTO users SELECT g, 'user ' || g, 'user' || g || '@corp.example' FROM generate_series(1, 20) g;
  CREATE TABLE jobs (id int PRIMARY KEY, state text NOT NULL, owner int);
  INSERT INTO jobs SELECT g, CASE WHEN g % 2 = 0 THEN 'done' ELSE 'open' END, g % 5 FROM generate_series(1, 50) g;
  CREATE TABLE notes (id int PRIMARY KEY, body text);
  INSERT INTO notes VALUES (1, 'first');
  CREATE VIEW open_jobs AS SELECT id, owner FROM jobs WHERE state = 'open';
  CREATE TABLE late (id int, CONSTRAINT late_once UNIQUE (id) DEFERRABLE INITIALLY DEFERRED);
`
const OBJECTS = `SELECT string_agg(relname, ',' ORDER BY relname) AS names FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'app'::regnamespace)`

function started(maxRows?: number): StartedCall {
  return { callId: 'call_test', approvalId: undefined, constraints: { maxRows } } as unknown as StartedCall
}

describe.each([15, 18] as const)('scripts on PostgreSQL %i', (major) => {
  let target: TestServer
  let sql: OpenTool
  beforeAll(async () => {
    target = await startTestServer(major, '')
    const connections = {
      main: target.connection({ protect: ['users.email'], limits: { statementTimeout: '2s', maxRows: 50 } }),
      readonly: target.connection({ write: undefined }),
    }
    sql = createRunSql({ readSecret: target.readSecret, connections: () => connections })
  })
  beforeEach(async () => {
    await target.admin(`DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA public;
      GRANT USAGE ON SCHEMA public TO gate_ro; GRANT ALL ON SCHEMA public TO gate_rw; ${SETUP}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO gate_ro`)
  })
  afterAll(async () => {
    await sql.close()
    await target.stop()
  })

  const open: Understanding[] = []
  const understand = async (text: string, args = {}, connection = 'main'): Promise<Understanding> => {
    const understanding = await sql.tool.understand(
      { connection, sql: text, script: true, ...args },
      connection,
      signal,
    )
    open.push(understanding)
    return understanding
  }
  // One that a failed test left open would hold its locks.
  afterEach(async () => {
    for (const understanding of open.splice(0)) await understanding.release()
  })
  const names = ({ operations }: Understanding) => operations.map(({ operation }) => operation)
  const committing: unknown[] = []
  async function run(
    text: string,
    { maxRows = undefined as number | undefined, between = async () => {} } = {},
  ): Promise<ToolOutput> {
    const understanding = await understand(text)
    try {
      await between()
      return await understanding.execute(started(maxRows), async (ref) => void committing.push(ref), signal)
    } finally {
      await understanding.release()
    }
  }
  const one = async (query: string): Promise<unknown> => Object.values((await target.admin(query))[0] ?? {})[0]

  test('a table, its index and its rows come together', async () => {
    const output = await run(`
      CREATE TABLE labels (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
      CREATE INDEX labels_by_name ON labels (name);
      INSERT INTO labels (name) VALUES ('grün;'), ('rot');`)
    expect(output.table?.rows).toEqual([
      [1, 'CREATE TABLE', null],
      [2, 'CREATE INDEX', null],
      [3, 'INSERT', 2],
    ])
    expect(output).toMatchObject({ command: 'SCRIPT', rowsChanged: 2 })
    expect(await one(`SELECT string_agg(name, ' ' ORDER BY id) FROM labels`)).toBe('grün; rot')
  })

  test('a column is added, filled and made NOT NULL', async () => {
    await run(`ALTER TABLE jobs ADD COLUMN region text;
      UPDATE jobs SET region = 'eu' WHERE region IS NULL;
      ALTER TABLE jobs ALTER COLUMN region SET NOT NULL;`)
    expect(await one(`SELECT count(*)::int FROM jobs WHERE region = 'eu'`)).toBe(50)
    expect(
      await one(`SELECT attnotnull FROM pg_attribute WHERE attrelid = 'jobs'::regclass AND attname = 'region'`),
    ).toBe(true)
  })

  test('a table with protected columns gets another column, and rows of it', async () => {
    const understanding = await understand(
      `ALTER TABLE users ADD COLUMN plan text; UPDATE users SET plan = 'free' WHERE plan IS NULL`,
    )
    expect(names(understanding)).toContain('protected:public.users')
    await understanding.execute(started(), async () => undefined, signal)
    expect(await one(`SELECT count(*)::int FROM users WHERE plan = 'free'`)).toBe(20)
  })

  test('a table is renamed, and used by its new name', async () => {
    await run(
      `ALTER TABLE notes RENAME TO remarks; INSERT INTO remarks VALUES (2, 'second'); COMMENT ON TABLE remarks IS 'was notes'`,
    )
    expect(await one(`SELECT string_agg(body, ' ' ORDER BY id) FROM remarks`)).toBe('first second')
  })

  test('an enum gets a value; a type and a view are made and used', async () => {
    await run(
      `CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (m mood); INSERT INTO moods VALUES ('sad'); CREATE VIEW v AS SELECT m FROM moods`,
    )
    await run(`ALTER TYPE mood ADD VALUE 'happy'; COMMENT ON TYPE mood IS 'how it is'`)
    expect(await one(`SELECT count(*)::int FROM pg_enum WHERE enumlabel = 'happy'`)).toBe(1)
    expect(await one('SELECT m::text FROM v')).toBe('sad')
  })

  test('a fix of data in two statements counts the rows of each', async () => {
    const understanding = await understand(
      `UPDATE jobs SET state = 'stale' WHERE id <= 10; DELETE FROM jobs WHERE id > 40`,
    )
    expect(names(understanding)).not.toContain('script:later')
    const preview = await understanding.preview(signal)
    expect(preview).toMatchObject({ rows: 20, missing: [] })
    expect(preview?.lines).toContainEqual(expect.stringMatching(/^statement 2 \(DELETE public\.jobs\): 10 rows of /))
    const output = await understanding.execute(started(20), async () => undefined, signal)
    expect(output).toMatchObject({
      rowsChanged: 20,
      table: {
        rows: [
          [1, 'UPDATE', 10],
          [2, 'DELETE', 10],
        ],
      },
    })
    expect(await one('SELECT count(*)::int FROM jobs')).toBe(40)
  })

  test('the limit of rows holds for all statements together', async () => {
    const script = `UPDATE jobs SET state = 'stale' WHERE id <= 10; DELETE FROM jobs WHERE id > 40`
    await expect(run(script, { maxRows: 19 })).rejects.toMatchObject({
      code: 'ERR_SQL_MAX_ROWS',
      facts: { changed: 20 },
    })
    await expect(run(`CREATE TABLE t (id int); ${script}`, { maxRows: 100 })).rejects.toMatchObject({
      code: 'ERR_SQL_MAX_ROWS_UNKNOWN',
    })
    await expect(run(`COMMENT ON TABLE jobs IS 'x'; ${script}`, { maxRows: 100 })).rejects.toMatchObject({
      code: 'ERR_SQL_MAX_ROWS_UNKNOWN',
    })
    expect(await one(`SELECT count(*)::int FROM jobs WHERE state <> 'stale'`)).toBe(50)
    expect(await one(`SELECT to_regclass('t') IS NULL`)).toBe(true)
  })

  test.each([
    [
      'an error in the middle',
      `INSERT INTO notes VALUES (2, 'two'); UPDATE jobs SET state = NULL WHERE id = 3; DELETE FROM jobs`,
      'ERR_SQL_FAILED',
      2,
    ],
    ['a definition that fails', `DELETE FROM notes; CREATE TABLE jobs (id int); DELETE FROM late`, 'ERR_SQL_FAILED', 2],
    [
      'a constraint that waits for the end',
      `INSERT INTO late VALUES (1); INSERT INTO late VALUES (1); DELETE FROM notes`,
      'ERR_SQL_FAILED',
      undefined,
    ],
    [
      'an unknown table after a definition',
      `CREATE TABLE t (id int); INSERT INTO nowhere VALUES (1)`,
      'ERR_SQL_FAILED',
      2,
    ],
    [
      'a result that is too large',
      `DELETE FROM notes; SELECT * FROM generate_series(1, 60)`,
      'ERR_SQL_RESULT_TOO_LARGE',
      2,
    ],
    [
      'a statement that takes too long',
      `DELETE FROM notes; DELETE FROM jobs WHERE (SELECT count(*) FROM generate_series(1, 100000000)) > 0`,
      'ERR_SQL_TIMEOUT',
      2,
    ],
  ])('%s undoes everything', async (_, script, code, number) => {
    const before = [
      await one(OBJECTS),
      await one('SELECT count(*)::int FROM jobs'),
      await one('SELECT count(*)::int FROM notes'),
    ]
    committing.length = 0
    const error = await run(script).catch((caught: unknown) => caught)
    expect(committing).toEqual([])
    expect(error).toBeInstanceOf(GateError)
    expect(error).toMatchObject({ code, facts: number === undefined ? {} : { statement: number } })
    expect([
      await one(OBJECTS),
      await one('SELECT count(*)::int FROM jobs'),
      await one('SELECT count(*)::int FROM notes'),
    ]).toEqual(before)
  })

  test('a connection that is cut in the middle undoes everything', async () => {
    const understanding = await understand(`DELETE FROM notes; SELECT count(*) FROM jobs; DELETE FROM jobs`)
    const report = (line: string): void => {
      if (line !== 'statement 3 of 3') return
      cut = target.admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gate_rw'`)
    }
    let cut: Promise<unknown> = Promise.resolve()
    committing.length = 0
    const done = understanding.execute(started(), async (ref) => void committing.push(ref), signal, report)
    const error = await done.catch((caught: unknown) => caught)
    await cut
    if (error instanceof GateError) expect(error.code).toBe('ERR_TARGET_UNAVAILABLE')
    const left = [await one('SELECT count(*)::int FROM notes'), await one('SELECT count(*)::int FROM jobs')]
    expect(left).toEqual(committing.length > 0 && !(error instanceof GateError) ? [0, 0] : [1, 50])
  })

  test('what later statements may do is shown, and is all that they may do', async () => {
    const understanding = await understand(
      `CREATE TABLE child (job int REFERENCES jobs ON DELETE CASCADE); DELETE FROM jobs WHERE id = 1`,
    )
    const preview = await understanding.preview(signal)
    expect(preview?.lines).toContain(
      'statement 2 (DELETE public.jobs): known only when statement 1 has run; it may do no more than: DELETE public.jobs',
    )
    expect(preview?.missing.length).toBe(2)
    expect(understanding.operations).toContainEqual(
      expect.objectContaining({
        operation: 'DELETE',
        floor: 'require-approval',
        facts: { tables: ['public.jobs'], schemas: ['public'], columns: [], where: 'present' },
      }),
    )
    expect(understanding.operations).toContainEqual(
      expect.objectContaining({
        operation: 'script:later',
        floor: 'require-approval',
        because: 'the meaning of statement 2 depends on statement 1',
      }),
    )
    const failed = understanding.execute(started(), async () => undefined, signal)
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_SQL_SCRIPT_CHANGED',
      facts: { statement: 2, operation: 'cascade:public.child' },
    })
    expect(await one('SELECT count(*)::int FROM jobs')).toBe(50)
    expect(await one(`SELECT to_regclass('child') IS NULL`)).toBe(true)
  })

  test('what was redefined by somebody else meanwhile is not what was judged', async () => {
    await target.admin(
      `CREATE FUNCTION tidy(text) RETURNS text LANGUAGE sql AS 'SELECT $1'; GRANT EXECUTE ON FUNCTION tidy(text) TO gate_rw`,
    )
    const between = async () => {
      await target.admin(`CREATE OR REPLACE FUNCTION tidy(text) RETURNS text LANGUAGE sql AS 'SELECT upper($1)'`)
    }
    const failed = run(`DELETE FROM notes WHERE id = 9; UPDATE notes SET body = tidy(body)`, { between })
    await expect(failed).rejects.toMatchObject({ code: 'ERR_SQL_CHANGED', facts: { statement: 2 } })
    expect(await one('SELECT body FROM notes')).toBe('first')
  })

  test('a protected column that a statement moves ends the script', async () => {
    const move = `ALTER TABLE users RENAME COLUMN email TO mail`
    const failed = run(`${move}; COMMENT ON TABLE jobs IS 'x'`)
    await expect(failed).rejects.toMatchObject({ code: 'ERR_SQL_SCRIPT_CHANGED', facts: { statement: 2 } })
    await run(`COMMENT ON TABLE jobs IS 'x'; ${move}`)
    await target.admin('ALTER TABLE users RENAME COLUMN mail TO email')
    expect(await one(`SELECT obj_description('jobs'::regclass)`)).toBe('x')
  })

  test('literals are hidden where they may be protected values, at their places', async () => {
    const script = `-- ü; one\nUPDATE notes SET body = 'é';\nUPDATE users SET name = 'n' WHERE email = 'a@b';\nCREATE TABLE t (id int);\nINSERT INTO t VALUES (42)`
    const { request } = await understand(script)
    const field = request[0]
    expect(request).toHaveLength(1)
    expect(field).toMatchObject({ name: 'sql', text: script, language: 'sql' })
    const texts = (spans: readonly { start: number; end: number }[] = []) =>
      spans.map(({ start, end }) => script.slice(start, end).trim())
    expect(texts(field?.hidden)).toEqual(["'a@b'"])
    expect(texts(field?.literals)).toEqual(['-- ü; one', "'é'", "'n'", "'a@b'", '42'])
  })

  test('a script needs the role that writes, and is asked about nowhere without it', async () => {
    const { operations, effect } = await understand('SELECT 1; SELECT 2', {}, 'readonly')
    expect(effect).toBe('write')
    expect(operations.every(({ floor }) => floor === 'deny')).toBe(true)
  })
})
