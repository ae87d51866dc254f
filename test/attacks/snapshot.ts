import type { RealDatabase } from '../fixtures/realDatabase.ts'

/** One number for the content of each table, with the version of each row, so that even an UPDATE to the same shows. */
const TABLES = `
  SELECT c.oid::regclass::text AS name,
         (xpath('/row/digest/text()', query_to_xml(format(
           'SELECT md5(string_agg(t.xmin::text || t::text, ''|'' ORDER BY t.ctid)) AS digest FROM ONLY %s t', c.oid::regclass), false, true, '')))[1]::text AS digest
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND n.nspname IN ('public', 'crm')`

/** Every object, role and setting; not the counters that any query moves. */
const CATALOGS: Readonly<Record<string, string>> = {
  relations:
    'SELECT oid, relname, relnamespace, relkind, relacl, relowner, relrowsecurity, relhastriggers, relhasrules FROM pg_class',
  columns: 'SELECT attrelid, attname, atttypid, attgenerated, attisdropped FROM pg_attribute WHERE attnum > 0',
  functions: 'SELECT oid, proname, prosrc, proacl, prosecdef FROM pg_proc',
  types: 'SELECT oid, typname FROM pg_type',
  operators: 'SELECT oid, oprname FROM pg_operator',
  casts: 'SELECT oid FROM pg_cast',
  triggers: 'SELECT oid, tgname, tgenabled FROM pg_trigger',
  rules: 'SELECT oid, rulename, ev_enabled FROM pg_rewrite',
  policies: 'SELECT oid, polname FROM pg_policy',
  constraints: 'SELECT oid, conname FROM pg_constraint',
  comments: 'SELECT * FROM pg_description',
  // A session that made a temporary object leaves its empty schema behind, by the server's own design.
  schemas: "SELECT oid, nspname, nspacl FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'",
  extensions: 'SELECT oid, extname FROM pg_extension',
  'event triggers': 'SELECT oid FROM pg_event_trigger',
  roles: 'SELECT oid, rolname, rolsuper, rolpassword FROM pg_authid',
  memberships: 'SELECT roleid, member FROM pg_auth_members',
  'role settings': 'SELECT * FROM pg_db_role_setting',
  'default privileges': 'SELECT oid, defaclacl FROM pg_default_acl',
  databases: 'SELECT oid, datname, datacl FROM pg_database',
  tablespaces: 'SELECT oid, spcname FROM pg_tablespace',
  'large objects': 'SELECT oid FROM pg_largeobject_metadata',
  'foreign servers': 'SELECT oid, srvname FROM pg_foreign_server',
  'user mappings': 'SELECT oid FROM pg_user_mapping',
  publications: 'SELECT oid FROM pg_publication',
  subscriptions: 'SELECT oid FROM pg_subscription',
  'replication slots': 'SELECT slot_name FROM pg_replication_slots',
  'prepared transactions': 'SELECT gid FROM pg_prepared_xacts',
  sequences: 'SELECT sequencename, last_value FROM pg_sequences',
  statistics: 'SELECT oid FROM pg_statistic_ext',
  'server settings': "SELECT pg_read_file('postgresql.auto.conf')",
  'advisory locks': "SELECT objid FROM pg_locks WHERE locktype = 'advisory'",
  'open transactions': "SELECT usename FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
}

/** Everything in a database that a call could change, as one short text for each thing. */
export async function takeSnapshot(database: RealDatabase): Promise<Record<string, string>> {
  const snapshot: Record<string, string> = {}
  for (const row of await database.admin(TABLES)) snapshot[`rows of ${row.name}`] = String(row.digest)
  for (const [name, query] of Object.entries(CATALOGS)) {
    const [row] = await database.admin(
      `SELECT count(*) || ' ' || coalesce(md5(string_agg(q::text, '|' ORDER BY q::text)), '') AS digest FROM (${query}) q`,
    )
    snapshot[name] = String(row?.digest)
  }
  return snapshot
}
