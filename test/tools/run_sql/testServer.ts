import { Client } from 'pg'
import { type RunningPostgres, startPostgres } from '../../../src/demo/postgres.ts'
import type { PostgresMajor } from '../../../src/demo/postgresBinaries.ts'
import type { ReadSecret } from '../../../src/settings/secretReference.ts'
import { type PostgresConnection, postgresConnection } from '../../../src/tools/run_sql/settings.ts'

/** A server with a database `app`, a role gate_ro that may read and a role gate_rw that may write, for a test file. */
export interface TestServer {
  readonly server: RunningPostgres
  readonly readSecret: ReadSecret
  /** Runs statements as the superuser in `app`, and returns the rows of the last. */
  admin(sql: string): Promise<readonly Record<string, unknown>[]>
  connection(changes?: Record<string, unknown>): PostgresConnection
  stop(): Promise<void>
}

/** What the gate's roles may do; after it each test file makes its own tables. */
const ROLES = `
  CREATE ROLE gate_ro LOGIN PASSWORD 'read-password';
  CREATE ROLE gate_rw LOGIN PASSWORD 'write-password';
  CREATE DATABASE app;
`
const GRANTS = `
  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO gate_ro;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO gate_rw;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO gate_rw;
  GRANT CREATE ON SCHEMA public TO gate_rw;
`

export async function startTestServer(major: PostgresMajor, setup: string): Promise<TestServer> {
  const server = await startPostgres({ major })
  const run = async (database: string, sql: string): Promise<readonly Record<string, unknown>[]> => {
    const client = new Client({
      host: server.host,
      port: server.port,
      user: 'postgres',
      password: server.password,
      database,
    })
    await client.connect()
    try {
      const result = await client.query<Record<string, unknown>>(sql)
      return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows
    } finally {
      await client.end()
    }
  }
  for (const statement of ROLES.split(';')) await run('postgres', statement)
  await run('app', GRANTS + setup)
  const secrets: Record<string, string> = { READ: 'read-password', WRITE: 'write-password' }
  return {
    server,
    readSecret: async (reference) => secrets['env' in reference ? reference.env : ''] ?? '',
    admin: (sql) => run('app', sql),
    connection: (changes = {}) =>
      postgresConnection.parse({
        type: 'postgres',
        host: server.host,
        port: server.port,
        database: 'app',
        read: { user: 'gate_ro', password: { env: 'READ' } },
        write: { user: 'gate_rw', password: { env: 'WRITE' } },
        ...changes,
      }),
    stop: () => server.stop(),
  }
}
