import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GateError } from '../../../../src/errors.ts'
import type { Analysis, AnalysisOptions } from '../../../../src/tools/run_sql/analysis/analysis.ts'
import { analyze } from '../../../../src/tools/run_sql/analysis/analyze.ts'
import { collectReferences, noReferences } from '../../../../src/tools/run_sql/analysis/collectReferences.ts'
import { readNodeTree } from '../../../../src/tools/run_sql/analysis/readNodeTree.ts'
import { readStatementTree } from '../../../../src/tools/run_sql/analysis/readStatementTree.ts'
import { traceLineage } from '../../../../src/tools/run_sql/analysis/traceLineage.ts'
import { type AnalysisServer, asSession, inTransaction, MAJORS, type Major, startAnalysisServer } from './servers.ts'

const OPTIONS: AnalysisOptions = {
  protect: ['users.email', 'users.ssn', 'events.actor_email', 'employees.phone', 'crm.users.email'],
  predicates: 'approve',
  trustedFunctions: ['public.slugify'],
}

interface Case {
  readonly since: number
  readonly sql: string
  readonly expected: string
}

const CORPUS = readCorpus()

function readCorpus(): readonly Case[] {
  const lines = readFileSync(new URL('corpus.txt', import.meta.url), 'utf8').split('\n')
  const kept = lines.filter((line) => line !== '' && !line.startsWith('#'))
  return Array.from({ length: kept.length / 3 }, (_, index) => {
    const [head = '', ...expected] = kept.slice(index * 3, index * 3 + 3)
    const since = Number(/^\[(\d+)\+\] /.exec(head)?.[1] ?? 15)
    return { since, sql: head.replace(/^\[\d+\+\] /, ''), expected: expected.join('\n') }
  })
}

const isNamed = (operation: string): boolean => /^(SELECT|INSERT|UPDATE|DELETE|MERGE)$/.test(operation)

/** The form that the corpus is written in. */
function render({ outputs, operations }: Analysis): string {
  const columns = outputs.map(({ name, protectedBy }) =>
    protectedBy.length === 0 ? name : `${name} [${protectedBy.join(' ')}]`,
  )
  const effects = operations.map(({ operation, floor, facts }) => {
    const tables = facts.tables as readonly string[]
    const named = isNamed(operation) && tables.length > 0 ? ` ${tables.join(' ')}` : ''
    const where = facts.where === undefined ? '' : ` where=${String(facts.where)}`
    return `${operation}${floor === 'deny' ? '!' : ''}${named}${where}`
  })
  return `  ${columns.join(', ')}\n  ${effects.join(', ')}`
}

const parametersOf = (sql: string): number =>
  Math.max(0, ...[...sql.matchAll(/\$(\d)/g)].map((match) => Number(match[1])))

describe.each(MAJORS)('analysis on PostgreSQL %i', (major: Major) => {
  let postgres: AnalysisServer

  beforeAll(async () => {
    postgres = await startAnalysisServer(major)
  })
  afterAll(async () => {
    await postgres.stop()
  })

  const understand = (sql: string, options: Partial<AnalysisOptions> = {}): Promise<Analysis> =>
    inTransaction(postgres.client, () => analyzeNow(sql, options))
  const analyzeNow = (sql: string, options: Partial<AnalysisOptions> = {}): Promise<Analysis> =>
    analyze(
      postgres.session,
      { sql, parameterCount: parametersOf(sql), destination: 'caller' },
      { ...OPTIONS, ...options },
    )
  const operations = async (sql: string, options: Partial<AnalysisOptions> = {}): Promise<readonly string[]> =>
    (await understand(sql, options)).operations.map(({ operation }) => operation)

  test('every statement of the corpus means what the corpus says', async () => {
    const wrong: string[] = []
    const cases = CORPUS.filter(({ since }) => since <= major)
    for (const { sql, expected } of cases) {
      const got = await understand(sql).then(render, (error: unknown) => `  ${String(error)}`)
      if (got !== expected) wrong.push(`${sql}\n${got}\nexpected\n${expected}`)
    }
    console.log(
      `PostgreSQL ${major}: ${cases.length - wrong.length} of ${cases.length} statements analysed as expected`,
    )
    expect(wrong).toEqual([])
    expect(cases.length).toBeGreaterThan(300)
  })

  test('every view that comes with the server can be read, and every column it selects is found', async () => {
    const { rows } = await postgres.client.query<{ tree: string }>('SELECT ev_action::text AS tree FROM pg_rewrite')
    for (const { tree } of rows) expect(() => collectReferences(readNodeTree(tree), noReferences())).not.toThrow()
    expect(rows.length).toBeGreaterThan(130)
  })

  test('a column that the server checks and the reading misses stops the analysis', async () => {
    const { rows } = await postgres.client.query<{ tree: string }>(
      "SELECT ev_action::text AS tree FROM pg_rewrite WHERE ev_class = 'v_users'::regclass",
    )
    const tree = rows[0]?.tree ?? ''
    const email = /:varattno 3 /g
    expect(tree.match(email)).not.toBeNull()
    collectReferences(readNodeTree(tree), noReferences())
    const tampered = tree.replaceAll(email, ':varattno 2 ')
    expect(() => collectReferences(readNodeTree(tampered), noReferences())).toThrow(/column 3 .* was missed/)
  })

  test('equality with a constant is free in equality mode, and nothing else is', async () => {
    const free = [
      "SELECT id FROM users WHERE email = 'a@b'",
      "SELECT id FROM users WHERE 'a' = email AND org = 1 AND ssn = '1'",
      'SELECT id FROM users WHERE email = $1',
      "SELECT id FROM v_users WHERE contact = 'a'",
      "SELECT * FROM (SELECT email AS m, id FROM users) x WHERE m = 'a'",
      "UPDATE users SET name = 'x' WHERE email = 'a'",
    ]
    const gated = [
      "SELECT id FROM users WHERE email = 'a' OR id = 1",
      "SELECT id FROM users WHERE NOT email = 'a'",
      "SELECT id FROM users WHERE email IN ('a', 'b')",
      "SELECT id FROM users WHERE email > 'a'",
      "SELECT id FROM users WHERE email =~= 'a%'",
      "SELECT id FROM users WHERE left(email, 1) = 'a'",
      "SELECT id FROM users WHERE email_domain = 'a'",
      "SELECT id FROM v_v_users WHERE c2 = 'A'",
      "SELECT id FROM m_users WHERE mail = 'a'",
      "SELECT * FROM (SELECT email LIKE 'a%' AS m FROM users) x WHERE m = true",
      "SELECT o.id FROM orders o LEFT JOIN users u ON u.email = 'x'",
      "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM users WHERE email = 'a')",
      "SELECT id FROM users WHERE email = 'a' ORDER BY email",
      'SELECT id FROM users WHERE email = name',
    ]
    for (const sql of free) {
      expect(await operations(sql, { predicates: 'equality' }), sql).not.toContain('predicate:public.users.email')
      expect((await understand(sql, { predicates: 'equality' })).protectedInPredicates, sql).toContain(
        'public.users.email',
      )
    }
    for (const sql of gated) {
      expect(await operations(sql, { predicates: 'equality' }), sql).toContain('predicate:public.users.email')
    }
  })

  test('predicates: deny sets a floor, approve lets a rule decide, allow reports nothing', async () => {
    const sql = "SELECT id FROM users WHERE email LIKE 'a%'"
    const found = async (predicates: AnalysisOptions['predicates']): Promise<unknown> =>
      (await understand(sql, { predicates })).operations.find(({ operation }) => operation.startsWith('predicate:'))
    expect(await found('deny')).toMatchObject({ otherwise: 'deny', floor: 'deny' })
    expect(await found('approve')).toMatchObject({ otherwise: 'require-approval' })
    expect(await found('approve')).not.toHaveProperty('floor')
    expect(await found('allow')).toBeUndefined()
  })

  test('a protected column that goes into a new object is a copy', async () => {
    const run = (sql: string): Promise<Analysis> =>
      inTransaction(postgres.client, () =>
        analyze(postgres.session, { sql, parameterCount: 0, destination: 'elsewhere' }, OPTIONS),
      )
    const names = (await run('SELECT id, email FROM users')).operations.map(({ operation }) => operation)
    expect(names).toContain('copy:public.users.email')
    expect((await run('SELECT id FROM users')).operations.map(({ operation }) => operation)).toEqual(['SELECT'])
  })

  test('without trust a function is an operation, and what it gives is hidden', async () => {
    const sql = 'SELECT slugify(name) AS s FROM orgs'
    expect(await operations(sql)).toEqual(['SELECT'])
    const untrusted = await understand(sql, { trustedFunctions: [] })
    expect(untrusted.operations.map(({ operation }) => operation)).toEqual(['SELECT', 'function:public.slugify'])
    expect(untrusted.outputs[0]?.protectedBy).toContain('users.email')
  })

  test('trust in one schema is no trust in another', async () => {
    expect(await operations("SELECT ext_like.digest('a', 'b')", { trustedFunctions: ['public.digest'] })).toContain(
      'function:ext_like.digest',
    )
  })

  /** Protected columns that a statement reads rows by, after definitions that are rolled back. */
  const predicatesAfter = async (
    ddl: string,
    sql: string,
    options: Partial<AnalysisOptions> = {},
  ): Promise<readonly string[]> => {
    const { host, port, superuser, password } = postgres.server
    const owner = new pg.Client({ host, port, user: superuser, password, database: 'postgres' })
    await owner.connect()
    try {
      return await inTransaction(owner, async () => {
        await owner.query(ddl)
        const statement = { sql, parameterCount: 0, destination: 'caller' } as const
        return (await analyze(asSession(owner, major), statement, { ...OPTIONS, ...options })).protectedInPredicates
      })
    } finally {
      await owner.end()
    }
  }

  test('what is written is compared with protected values by checks, keys, and what is made of them', async () => {
    const check = 'ALTER TABLE users ADD CHECK (name < email) NOT VALID'
    expect(await predicatesAfter(check, "UPDATE users SET name = 'm' WHERE id = 1")).toEqual(['public.users.email'])
    expect(await predicatesAfter(check, 'UPDATE users SET active = true WHERE id = 1')).toEqual([])
    const key =
      'CREATE TABLE codes (code text PRIMARY KEY); ALTER TABLE users ADD FOREIGN KEY (ssn) REFERENCES codes NOT VALID'
    expect(await predicatesAfter(key, "DELETE FROM codes WHERE code = 'a'")).toEqual(['public.users.ssn'])
    expect(await predicatesAfter(key, "UPDATE codes SET code = 'b'")).toEqual(['public.users.ssn'])
    expect(await predicatesAfter(key, "INSERT INTO codes VALUES ('b')")).toEqual([])
    const hashed = 'CREATE TABLE seen (id int, ssn text, hash text GENERATED ALWAYS AS (md5(ssn)) STORED UNIQUE)'
    const insert = "INSERT INTO seen (id, ssn) VALUES (1, 'guess')"
    expect(await predicatesAfter(hashed, insert, { protect: ['seen.ssn'] })).toEqual(['public.seen.ssn'])
  })

  test('which rows a materialised view holds was decided by what its query read', async () => {
    const early = "CREATE MATERIALIZED VIEW m_early AS SELECT id FROM users WHERE email < 'm'"
    expect(await predicatesAfter(early, 'SELECT count(*) FROM m_early')).toEqual(['public.users.email'])
  })

  test('a virtual column is computed where it is used', async () => {
    if (major < 18) return
    const virtual = 'CREATE TABLE v (id int, g int GENERATED ALWAYS AS (1 / id) VIRTUAL)'
    const chosen = "SELECT CASE WHEN email < 'm' THEN v.g END FROM users u JOIN v USING (id)"
    expect(await predicatesAfter(virtual, chosen)).toEqual(['public.users.email'])
    expect(await predicatesAfter(virtual, 'SELECT v.g, email FROM users u JOIN v USING (id)')).toEqual([])
  })

  test('a column of a view can be protected by itself', async () => {
    const options = { protect: ['v_names.name'] }
    const { outputs } = await understand('SELECT id, name FROM v_names', options)
    expect(outputs.map(({ protectedBy }) => protectedBy)).toEqual([[], ['v_names.name']])
    expect((await understand('SELECT name FROM users', options)).outputs[0]?.protectedBy).toEqual([])
  })

  test('a protected column that does not exist stops everything', async () => {
    for (const entry of ['users.emial', 'nowhere.email', 'crm.nothing.x']) {
      await expect(understand('SELECT 1', { protect: [entry] })).rejects.toMatchObject({
        code: 'ERR_SQL_PROTECTED_COLUMN',
      })
    }
  })

  test('identifiers cannot imitate the tree: any name comes back as it was written', async () => {
    const awkward = fc.string({
      unit: fc.constantFrom(...':varattno 10{}()"<>\\\n\t[]éx$;-'),
      minLength: 1,
      maxLength: 20,
    })
    await fc.assert(
      fc.asyncProperty(awkward, awkward, async (alias, table) => {
        const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`
        const { outputs } = await understand(
          `SELECT ${quote(table)}.email AS ${quote(alias)}, id AS clean FROM users AS ${quote(table)}`,
        )
        expect(outputs).toEqual([
          { name: alias, protectedBy: ['users.email'] },
          { name: 'clean', protectedBy: [] },
        ])
      }),
      { numRuns: 60 },
    )
  })

  test('text that tries to leave the frame is refused, and nothing happens', async () => {
    const hostile = [
      'SELECT 1; SELECT 2',
      'SELECT 1; END; DROP TABLE jobs',
      'SELECT 1\n;\nEND; DROP TABLE jobs --',
      'RETURN 1',
      'DELETE FROM jobs; SELECT 1',
      '',
      ';',
      'COMMIT',
      'CREATE TABLE oops (a int)',
    ]
    for (const sql of hostile) await expect(understand(sql), sql).rejects.toThrow()
    const { rows } = await postgres.client.query('SELECT count(*)::int AS n FROM jobs')
    expect(rows).toEqual([{ n: 10 }])
  })

  test('the transaction goes on, leaves nothing behind, and keeps the locks', async () => {
    await inTransaction(postgres.client, async () => {
      await analyzeNow('SELECT id FROM orgs WHERE id = $1')
      const { rows } = await postgres.client.query(`
        SELECT (SELECT count(*)::int FROM pg_proc WHERE proname LIKE 'countersign%') AS procedures,
               (SELECT count(*)::int FROM pg_prepared_statements WHERE name = 'countersign_analysis') AS prepared,
               (SELECT count(*)::int FROM pg_locks WHERE relation = 'orgs'::regclass AND pid = pg_backend_pid()) AS locks`)
      expect(rows[0]).toMatchObject({ procedures: 0, prepared: 0 })
      expect(rows[0].locks).toBeGreaterThan(0)
    })
  })

  test('parameters get the types that the server infers', async () => {
    const analysis = await understand('SELECT id FROM orders WHERE id = ANY ($1) AND placed > $2 AND note = $3')
    expect(analysis.parameterTypes).toEqual(['integer[]', 'date', 'text'])
  })

  test('what was judged is the same again, until a function, view or policy changes', async () => {
    const { host, port, superuser, password } = postgres.server
    const owner = new pg.Client({ host, port, user: superuser, password, database: 'postgres' })
    await owner.connect()
    try {
      const sql = 'SELECT slugify(name) FROM v_names'
      const change = async (ddl: string, statement: string): Promise<void> => {
        const before = (await understand(statement)).judged
        expect((await understand(statement)).judged).toEqual(before)
        await owner.query(ddl)
        expect((await understand(statement)).judged, ddl).not.toEqual(before)
      }
      const body = "lower(regexp_replace(t, '[^a-zA-Z0-9]+', '-', 'g'))"
      await change(
        `CREATE OR REPLACE FUNCTION slugify(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT ${body} $$`,
        sql,
      )
      await change('CREATE OR REPLACE VIEW v_names AS SELECT id, name FROM users', sql)
      await change('ALTER POLICY own ON plain_rls USING (owner = current_user)', 'SELECT id FROM plain_rls')
      await change(
        `CREATE OR REPLACE FUNCTION audit_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO order_audit VALUES (coalesce(NEW.id, OLD.id), TG_OP); RETURN NULL; END $$`,
        'DELETE FROM orders WHERE id = 1',
      )
    } finally {
      await owner.end()
    }
  })

  test('the number of rows that a function gives is a use of its argument, even if it cannot fail', async () => {
    const { query } = await inTransaction(postgres.client, () =>
      readStatementTree(postgres.session, 'SELECT id, unnest(tags) FROM users', 0, []),
    )
    const { outputs, predicates } = traceLineage(query, {
      columnTaint: (_, column) => new Set(column === 7 ? ['tags'] : []),
      isConfigured: () => true,
      viewQuery: () => undefined,
      isEquality: () => false,
      isOpaque: () => false,
      totality: () => 'always',
      needsCollation: () => false,
      operatorFunction: () => 0,
      builtInName: () => undefined,
      virtualColumn: () => undefined,
      storedPredicates: () => new Set(),
    })
    expect(outputs.map((taint) => [...taint])).toEqual([[], ['tags']])
    expect([...predicates]).toEqual(['tags'])
  })

  test('a statement is marked when an error of it may carry a protected value', async () => {
    expect((await understand('SELECT id FROM users')).touchesProtected).toBe(true)
    expect((await understand('SELECT id FROM v_v_users')).touchesProtected).toBe(true)
    expect((await understand('SELECT kind FROM events_2026')).touchesProtected).toBe(true)
    expect((await understand('SELECT mail FROM m_users')).touchesProtected).toBe(true)
    expect((await understand('SELECT name FROM m_users')).touchesProtected).toBe(true)
    expect((await understand('INSERT INTO contacts (id, user_email) VALUES (1, NULL)')).touchesProtected).toBe(true)
    expect((await understand('SELECT id FROM orgs')).touchesProtected).toBe(false)
  })

  test('nesting that a reviewer could not follow is refused with a code', async () => {
    const deep = `SELECT ${'('.repeat(700)}1${'+1)'.repeat(700)}`
    const error = await understand(deep).catch((caught: unknown) => caught)
    expect(error === undefined || !(error instanceof RangeError)).toBe(true)
    const deeper = `SELECT ${'1+'.repeat(3000)}1`
    await expect(understand(deeper)).rejects.toSatisfy(
      (caught) => caught instanceof GateError || (caught as { code?: string }).code === '54001',
    )
    expect(await operations('SELECT 1')).toEqual(['SELECT'])
  })

  test('another major is refused before anything is sent', async () => {
    const session = asSession(postgres.client, 14)
    const statement = { sql: 'SELECT 1', parameterCount: 0, destination: 'caller' } as const
    await expect(analyze(session, statement, OPTIONS)).rejects.toMatchObject({ code: 'ERR_SQL_SERVER' })
  })

  test('what is neither masked nor gated does not change when every protected value does', async () => {
    const free: { sql: string; shown: readonly number[] }[] = []
    for (const { sql, since } of CORPUS) {
      if (since > major || UNSTEADY.test(sql) || parametersOf(sql) > 0) continue
      const { operations: found, outputs } = await understand(sql)
      if (found.some(({ operation }) => operation !== 'SELECT')) continue
      free.push({ sql, shown: outputs.flatMap(({ protectedBy }, index) => (protectedBy.length === 0 ? [index] : [])) })
    }
    const observe = (sql: string, shown: readonly number[]): Promise<unknown> =>
      inTransaction(postgres.client, async () => {
        await postgres.client.query('SET TRANSACTION READ ONLY')
        try {
          const { rows } = await postgres.client.query<unknown[]>({ text: sql, rowMode: 'array' })
          return rows.map((row) => JSON.stringify(shown.map((index) => row[index]))).sort()
        } catch (error) {
          return (error as { code?: string }).code
        }
      })
    const before: unknown[] = []
    for (const { sql, shown } of free) before.push(await observe(sql, shown))
    await changeProtectedValues(postgres)
    const differing: string[] = []
    for (const [index, { sql, shown }] of free.entries()) {
      if (JSON.stringify(await observe(sql, shown)) !== JSON.stringify(before[index])) differing.push(sql)
    }
    console.log(`PostgreSQL ${major}: ${free.length} ungated statements observed before and after`)
    expect(differing).toEqual([])
    expect(free.length).toBeGreaterThan(130)
  })
})

/** What differs from run to run by itself. */
const UNSTEADY =
  /random|uuid|now\(|clock|current_date|ctid|gen_salt|pg_total|n_live|TABLESAMPLE|pg_locks|age\(|postmaster|current_setting/

async function changeProtectedValues({ server: { host, port, superuser, password } }: AnalysisServer): Promise<void> {
  const owner = new pg.Client({ host, port, user: superuser, password, database: 'postgres' })
  await owner.connect()
  try {
    await owner.query(`
      UPDATE users SET email = CASE id % 3 WHEN 0 THEN NULL WHEN 1 THEN 'aa' || id || '@other.example' ELSE '' || id END,
        ssn = CASE WHEN id % 2 = 0 THEN NULL ELSE '9' || id END;
      UPDATE crm.users SET email = 'q' || id;
      UPDATE events SET actor_email = 'q' || id;
      UPDATE employees SET phone = '0' || id;
      REFRESH MATERIALIZED VIEW m_users; REFRESH MATERIALIZED VIEW m_of_view;`)
  } finally {
    await owner.end()
  }
}
