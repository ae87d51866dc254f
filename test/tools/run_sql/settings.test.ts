import { describe, expect, test } from 'vitest'
import { postgresConnection } from '../../../src/tools/run_sql/settings.ts'

const SMALLEST = { type: 'postgres', host: '127.0.0.1', database: 'app', read: { user: 'ro', password: { env: 'X' } } }

describe('settings of a postgres connection', () => {
  test('have careful defaults', () => {
    expect(postgresConnection.parse(SMALLEST)).toMatchObject({
      port: 5432,
      tls: { mode: 'disable' },
      limits: { statementTimeout: 30_000, maxRows: 1000, maxBytes: 1024 ** 2, maxSessions: 8 },
      searchPath: ['public'],
      protect: [],
      predicates: 'approve',
    })
    expect(postgresConnection.parse({ ...SMALLEST, host: 'db.internal' })).toMatchObject({
      tls: { mode: 'verify-full' },
    })
  })

  test.each([
    ['plaintext to another machine', { host: 'db.internal', tls: { mode: 'disable' } }],
    ['plaintext to a name that only looks like loopback', { host: '127.0.0.1.example.org', tls: { mode: 'disable' } }],
    ['a password in the file', { read: { user: 'ro', password: 'secret' } }],
    ['an unknown key', { protected: [] }],
    ['a column without its table', { protect: ['email'] }],
    ['a schema that is not a name', { searchPath: ['public -c x=y'] }],
    ['a time without a unit', { limits: { statementTimeout: 30 } }],
  ])('refuse %s', (_, changes) => {
    expect(postgresConnection.safeParse({ ...SMALLEST, ...changes }).success).toBe(false)
  })
})
