import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRunSql } from '../../../src/tools/run_sql/tool.ts'
import { startTestServer, type TestServer } from './testServer.ts'

describe('the self-test of a connection', () => {
  let target: TestServer
  beforeAll(async () => {
    target = await startTestServer(18, 'CREATE TABLE users (id int, email text)')
  })
  afterAll(() => target.stop())

  async function findings(changes: Record<string, unknown> = {}): Promise<readonly string[]> {
    const sql = createRunSql({
      readSecret: target.readSecret,
      connections: () => ({ main: target.connection(changes) }),
    })
    try {
      return (await sql.selfTest('main')).map(
        ({ level, about, message }) => `${level} ${about.replace('connections.main.', '')}: ${message}`,
      )
    } finally {
      await sql.close()
    }
  }

  test('finds nothing wrong with roles that can only do their part', async () => {
    expect(await findings({ protect: ['users.email'] })).toEqual([
      'ok read: connects to PostgreSQL 18',
      'ok write: connects to PostgreSQL 18',
    ])
  })

  test.each([
    ['a superuser', 'ALTER ROLE gate_ro SUPERUSER', 'ALTER ROLE gate_ro NOSUPERUSER', /^error read: is a superuser/],
    [
      'a role that reads files',
      'GRANT pg_read_server_files TO gate_ro',
      'REVOKE pg_read_server_files FROM gate_ro',
      /^error read: can reach files/,
    ],
    [
      'a reading role that writes',
      'GRANT DELETE ON users TO gate_ro',
      'REVOKE DELETE ON users FROM gate_ro',
      /^warning read: can change tables/,
    ],
    ['dblink', 'CREATE EXTENSION dblink', 'DROP EXTENSION dblink', /^warning read: is in a database with dblink/],
    [
      'SECURITY DEFINER for everybody',
      "CREATE FUNCTION d() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'",
      'DROP FUNCTION d()',
      /^warning read: may call SECURITY DEFINER/,
    ],
    [
      'a missing TEMP',
      'REVOKE TEMP ON DATABASE app FROM PUBLIC',
      'GRANT TEMP ON DATABASE app TO PUBLIC',
      /^error read: lacks TEMP/,
    ],
  ])('warns of %s', async (_, before, after, finding) => {
    await target.admin(before)
    try {
      expect(await findings()).toContainEqual(expect.stringMatching(finding))
    } finally {
      await target.admin(after)
    }
  })

  test('reports a protected column that does not exist, and a server that is not there', async () => {
    expect(await findings({ protect: ['users.emial'] })).toContainEqual(
      expect.stringMatching(/^error read: protects users\.emial, which does not exist/),
    )
    expect(await findings({ port: 1 })).toEqual([
      expect.stringMatching(/^error read: The target could not be reached/),
      expect.stringMatching(/^error write/),
    ])
  })
})
