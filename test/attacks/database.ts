import { readFile } from 'node:fs/promises'
import type { PostgresMajor } from '../../src/demo/postgresBinaries.ts'
import { type RealDatabase, startRealDatabase } from '../fixtures/realDatabase.ts'
import { type RealGate, type RealGateOptions, startRealGate } from '../fixtures/realGate.ts'

/** What stands in every protected cell: `canary` values that are looked for everywhere, or entirely other ones. */
export type Secrets = 'canary' | 'other'

/** The columns that the corpora must not learn anything about. */
export const PROTECTED = [
  ...['email', 'ssn', 'birth_date', 'salary', 'secret_doc', 'codes'].map((column) => `users.${column}`),
  'crm.contacts.email',
  'events.actor_email',
  'people.phone',
  'accounts.handle',
]

const FUNCTIONS: Readonly<Record<string, Readonly<Record<Secrets, string>>>> = {
  'email(n int) RETURNS text': {
    canary: `'zq7canary' || n || '@hush.example'`,
    // No two have one length, some are not ASCII, and sorting turns round.
    other: `chr(90 - n % 26) || repeat('é', n % 17) || 'Ω' || (5000 - n) || '@other.test'`,
  },
  'ssn(n int) RETURNS text': {
    canary: `'739-51-' || lpad(n::text, 4, '0')`,
    other: `CASE WHEN n % 3 > 0 THEN repeat('8', 1 + n * 7) END`,
  },
  'birth_date(n int) RETURNS date': {
    canary: `date '1971-03-01' + n % 28`,
    other: `CASE WHEN n % 4 > 0 THEN date '2003-11-30' - n * 11 END`,
  },
  'salary(n int) RETURNS numeric': {
    canary: `739514000 + n`,
    other: `CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN 0 ELSE -0.5 * n END`,
  },
  'doc(n int) RETURNS jsonb': {
    canary: `jsonb_build_object('zq7canary', 'pin ' || (739514000 + n))`,
    other: `CASE WHEN n % 2 = 0 THEN '[]'::jsonb ELSE to_jsonb(n) END`,
  },
  'codes(n int) RETURNS text[]': {
    canary: `ARRAY['zq7canary-c' || n, 'zq7canary-d' || n]`,
    other: `CASE WHEN n % 2 = 0 THEN '{}'::text[] ELSE array_fill('k'::text, ARRAY[n % 9]) END`,
  },
  'phone(n int) RETURNS text': { canary: `'+' || (739514000 + n)`, other: `CASE WHEN n > 5 THEN repeat('1', n) END` },
  'handle(n int) RETURNS text': { canary: `'zq7canary-h' || n`, other: `repeat('ß', n % 7) || 'o' || n` },
}

/** The value of users.email in the row `id`, as it is in the canary database. */
export const canaryEmail = (id: number): string => `zq7canary${id}@hush.example`

export async function startCorpusDatabase(major: PostgresMajor, secrets: Secrets): Promise<RealDatabase> {
  const functions = Object.entries(FUNCTIONS).map(([signature, bodies]) => {
    return `CREATE FUNCTION pg_temp.secret_${signature} LANGUAGE sql AS $$ SELECT ${bodies[secrets]} $$;\n`
  })
  const schema = await readFile(new URL('./schema.sql', import.meta.url), 'utf8')
  return startRealDatabase({ major, seed: functions.join('') + schema })
}

/** Sane for people who trust their agents with reads: everything that changes rows is asked for, the rest is not open. */
const POLICY = `
policy: db-maintenance-agents
connections: [prod-maintenance, over-privileged]
rules:
  - match: SELECT|SHOW
    action: allow
  - match: INSERT|UPDATE|DELETE|MERGE
    action: require-approval
record: true
`

/** `prod-maintenance` has roles as they should be, `over-privileged` logs in as superusers: nothing but the gate holds. */
export function startCorpusGate(database: RealDatabase, options: RealGateOptions = {}): Promise<RealGate> {
  const { host, port } = database
  const settings = {
    protect: PROTECTED,
    limits: { statementTimeout: '3s', maxSessions: 12, maxRows: 500 },
    ...options.connection,
  }
  return startRealGate({
    database,
    policies: [POLICY],
    ...options,
    connection: settings,
    config: {
      ...options.config,
      connections: {
        'over-privileged': {
          type: 'postgres',
          host,
          port,
          database: 'app',
          read: { user: 'su_ro', password: { file: 'secrets/gate_ro' } },
          write: { user: 'su_rw', password: { file: 'secrets/gate_rw' } },
          predicates: 'approve',
          ...settings,
        },
      },
    },
  })
}
