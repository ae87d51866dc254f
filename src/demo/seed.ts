import { Client } from 'pg'
import type { RunningPostgres } from './postgres.ts'

/** What the gateway's two roles log in with. Made for one run, kept in files that only this user can read. */
export interface DemoCredentials {
  readonly read: { readonly user: string; readonly password: string }
  readonly write: { readonly user: string; readonly password: string }
}

const SCHEMA = `
  CREATE TABLE users (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    ssn text NOT NULL,
    plan text NOT NULL DEFAULT 'free',
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE orders (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id int NOT NULL REFERENCES users,
    status text NOT NULL,
    total numeric(10,2) NOT NULL,
    created_at timestamptz NOT NULL
  );
  CREATE TABLE jobs (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL,
    finished_at timestamptz
  );
  CREATE TABLE job_logs (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id int NOT NULL REFERENCES jobs ON DELETE CASCADE,
    line text NOT NULL
  );
  CREATE INDEX ON job_logs (job_id);
`

/** Fixed dates and a fixed sequence: every run of the demo shows the same numbers. */
const ROWS = `
  INSERT INTO users (name, email, ssn, plan, created_at)
  SELECT (ARRAY['Ada','Grace','Edsger','Barbara','Alan','Frances','Donald','Radia'])[1 + n % 8] || ' ' || (ARRAY['Okafor','Lindqvist','Moreau','Tanaka','Silva'])[1 + n % 5],
         'user' || n || '@shop.example', lpad((100 + n)::text, 3, '0') || '-' || lpad((10 + n % 80)::text, 2, '0') || '-' || lpad((1000 + n * 7 % 9000)::text, 4, '0'),
         (ARRAY['free','team','enterprise'])[1 + n % 3], timestamptz '2026-01-01 00:00Z' + n * interval '5 hours'
  FROM generate_series(1, 500) n;
  INSERT INTO orders (user_id, status, total, created_at)
  SELECT 1 + n * 7 % 500, (ARRAY['paid','shipped','refunded','open'])[1 + n % 4], (5 + n * 13 % 400)::numeric + 0.99, timestamptz '2026-03-01 00:00Z' + n * interval '37 minutes'
  FROM generate_series(1, 4000) n;
  INSERT INTO jobs (kind, state, finished_at)
  SELECT (ARRAY['invoice','export','sync'])[1 + n % 3], CASE WHEN n % 10 = 0 THEN 'failed' ELSE 'done' END, timestamptz '2026-01-01 00:00Z' + n * interval '2 hours'
  FROM generate_series(1, 1200) n;
  INSERT INTO job_logs (job_id, line) SELECT 1 + n % 1200, 'step ' || n FROM generate_series(1, 3600) n;
  ANALYZE;
`

/** Creates the demo's database, its two least-privilege roles and realistic rows. */
export async function seedDemoDatabase(postgres: RunningPostgres, credentials: DemoCredentials): Promise<void> {
  const admin = { host: postgres.host, port: postgres.port, user: postgres.superuser, password: postgres.password }
  const server = await connected({ ...admin, database: 'postgres' })
  try {
    for (const { user, password } of [credentials.read, credentials.write]) {
      await server.query(
        `CREATE ROLE ${server.escapeIdentifier(user)} LOGIN PASSWORD ${server.escapeLiteral(password)}`,
      )
    }
    await server.query('CREATE DATABASE app')
  } finally {
    await server.end()
  }
  const database = await connected({ ...admin, database: 'app' })
  try {
    await database.query(SCHEMA)
    await database.query(ROWS)
    const [read, write] = [credentials.read.user, credentials.write.user].map((user) => database.escapeIdentifier(user))
    await database.query(`
      GRANT TEMPORARY ON DATABASE app TO ${read}, ${write};
      GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${read}, ${write};
      GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${write};
    `)
  } finally {
    await database.end()
  }
}

async function connected(options: ConstructorParameters<typeof Client>[0]): Promise<Client> {
  const client = new Client(options)
  await client.connect()
  return client
}
