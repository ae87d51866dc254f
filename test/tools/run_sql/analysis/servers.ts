import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { type RunningPostgres, startPostgres } from '../../../../src/demo/postgres.ts'
import type { AnalysisSession } from '../../../../src/tools/run_sql/analysis/session.ts'

export const MAJORS = [15, 16, 17, 18] as const
export type Major = (typeof MAJORS)[number]

/** A server with the fixture, and one session of the role that the gate would use. */
export interface AnalysisServer {
  readonly server: RunningPostgres
  readonly session: AnalysisSession
  readonly client: pg.Client
  stop(): Promise<void>
}

export async function startAnalysisServer(major: Major): Promise<AnalysisServer> {
  const server = await startPostgres({ major })
  const connect = async (user: string): Promise<pg.Client> => {
    const { host, port, password } = server
    const client = new pg.Client({ host, port, user, password, database: 'postgres' })
    await client.connect()
    return client
  }
  const superuser = await connect(server.superuser)
  await superuser.query(await readFile(new URL('fixture.sql', import.meta.url), 'utf8'))
  await superuser.query(`ALTER ROLE gate PASSWORD '${server.password}'`)
  await superuser.end()
  const client = await connect('gate')
  return {
    server,
    client,
    session: asSession(client, major),
    async stop() {
      await client.end()
      await server.stop()
    },
  }
}

/** Understood by pg, missing in its types. */
const EXTENDED = { queryMode: 'extended' } as object

export function asSession(client: pg.Client, major: number): AnalysisSession {
  const session: AnalysisSession = {
    major,
    async batch(statements) {
      const results = []
      for (const { text, params, name } of statements) results.push(await session.query(text, params, name))
      return results
    },
    async query(text, values = [], name) {
      const { rows } = await client.query<Record<string, unknown>>({
        text,
        values: [...values],
        ...(name === undefined ? {} : { name }),
        ...EXTENDED,
      })
      return { rows }
    },
  }
  return session
}

/** Runs in a transaction that is always rolled back. */
export async function inTransaction<T>(client: pg.Client, run: () => Promise<T>): Promise<T> {
  await client.query('BEGIN')
  try {
    return await run()
  } finally {
    await client.query('ROLLBACK')
  }
}
