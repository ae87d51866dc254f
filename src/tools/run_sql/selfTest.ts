import { GateError } from '../../errors.ts'
import type { Finding } from '../tool.ts'
import type { ConnectionPools } from './connectionPools.ts'
import type { Role, Session } from './session/openSession.ts'
import type { PostgresConnection } from './settings.ts'

/** What a role of the gate should not be able to do, as a condition over the catalog, and what to do about it. */
const ROLE_RISKS: readonly (readonly [condition: string, level: 'warning' | 'error', message: string])[] = [
  [
    `(SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)`,
    'error',
    'is a superuser: nothing at the server limits it. Use a role with NOSUPERUSER',
  ],
  [
    `(SELECT rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user)`,
    'warning',
    'bypasses row-level security: ALTER ROLE ... NOBYPASSRLS',
  ],
  [
    `(SELECT rolreplication OR rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user)`,
    'warning',
    'may replicate or create roles: ALTER ROLE ... NOREPLICATION NOCREATEROLE',
  ],
  [
    `EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
       AND pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER'))`,
    'error',
    'can reach files or programs of the server: REVOKE pg_read_server_files, pg_write_server_files, pg_execute_server_program',
  ],
  [
    `EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname IN ('dblink', 'adminpack', 'plpython3u', 'plperlu'))`,
    'warning',
    'is in a database with dblink, adminpack or an untrusted language: REVOKE EXECUTE on their functions, or drop them',
  ],
  [
    `EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       WHERE p.prosecdef AND n.nspname <> 'pg_catalog' AND n.nspname NOT LIKE 'pg\\_temp%'
         AND pg_catalog.has_function_privilege(current_user, p.oid, 'EXECUTE'))`,
    'warning',
    'may call SECURITY DEFINER functions, which act as somebody else: REVOKE EXECUTE ... FROM PUBLIC where it is not meant',
  ],
  [
    `NOT pg_catalog.has_database_privilege(current_user, pg_catalog.current_database(), 'TEMP')`,
    'error',
    'lacks TEMP on the database, which the analysis of statements needs: GRANT TEMP ON DATABASE ... TO ...',
  ],
]

const CAN_WRITE = `EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    AND pg_catalog.has_table_privilege(current_user, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))`

/** Connects as each role and says where it can do more, or less, than the gate needs. Throws nothing. */
export async function selfTest(pools: ConnectionPools, connectionName: string): Promise<readonly Finding[]> {
  const settings = pools.settings(connectionName)
  const roles: readonly Role[] = settings.write === undefined ? ['read'] : ['read', 'write']
  const findings: Finding[] = []
  for (const role of roles) findings.push(...(await testRole(pools, connectionName, settings, role)))
  if (settings.tls.mode === 'require') {
    findings.push({
      level: 'warning',
      about: `connections.${connectionName}.tls`,
      message: 'encrypts without checking who answers: use verify-full',
    })
  }
  return findings
}

async function testRole(
  pools: ConnectionPools,
  connectionName: string,
  settings: PostgresConnection,
  role: Role,
): Promise<readonly Finding[]> {
  const about = `connections.${connectionName}.${role}`
  try {
    const session = await pools.pool(connectionName, role).take(AbortSignal.timeout(15_000))
    try {
      const findings = [...(await risksOf(session, role)), ...(await unresolved(session, settings))]
      return [
        { level: 'ok', about, message: `connects to PostgreSQL ${session.major}` },
        ...findings.map((finding) => ({ ...finding, about })),
      ]
    } finally {
      session.release()
    }
  } catch (error) {
    const message = error instanceof GateError ? error.message : 'its privileges could not be read'
    return [{ level: 'error', about, message }]
  }
}

async function risksOf(session: Session, role: Role): Promise<readonly Omit<Finding, 'about'>[]> {
  const risks = [
    ...ROLE_RISKS,
    ...(role === 'read'
      ? [
          [
            CAN_WRITE,
            'warning',
            'can change tables, and should only read: REVOKE INSERT, UPDATE, DELETE, TRUNCATE',
          ] as const,
        ]
      : []),
    ['pg_catalog.pg_is_in_recovery()', 'error', 'reaches a standby, where statements cannot be analysed'] as const,
  ]
  const { rows } = await session.query(`SELECT ARRAY[${risks.map(([condition]) => condition).join(', ')}] AS found`)
  const found = rows[0]?.found as readonly boolean[]
  return risks.flatMap(([, level, message], index) => (found[index] === true ? [{ level, message }] : []))
}

async function unresolved(
  session: Session,
  { protect }: PostgresConnection,
): Promise<readonly Omit<Finding, 'about'>[]> {
  const findings: Omit<Finding, 'about'>[] = []
  for (const entry of protect) {
    const parts = entry.split('.')
    const [schema, table, column] = parts.length === 2 ? ['public', ...parts] : parts
    const { rows } = await session.query(
      `SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND a.attnum > 0 AND NOT a.attisdropped`,
      [schema, table, column],
    )
    if (rows.length === 0) {
      findings.push({
        level: 'error',
        message: `protects ${entry}, which does not exist: every statement is refused until it does`,
      })
    }
  }
  return findings
}
