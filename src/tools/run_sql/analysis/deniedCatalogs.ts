import { FIRST_USER_OID, type RelationFacts } from './catalogFacts.ts'

/**
 * Catalogs and system views that show protected values, other people's statements, credentials or files. Everything
 * else in pg_catalog and information_schema describes the database and may be read.
 */
const DENIED: ReadonlySet<string> = new Set(
  `
  pg_authid pg_shadow pg_user_mapping pg_user_mappings pg_subscription pg_largeobject pg_largeobject_metadata
  pg_statistic pg_statistic_ext_data pg_stats pg_stats_ext pg_stats_ext_exprs
  pg_stat_activity pg_stat_replication pg_stat_wal_receiver pg_stat_subscription pg_stat_ssl pg_stat_gssapi
  pg_prepared_statements pg_prepared_xacts pg_cursors pg_replication_slots pg_replication_origin_status
  pg_hba_file_rules pg_ident_file_mappings pg_file_settings pg_config pg_backend_memory_contexts pg_shmem_allocations
  pg_db_role_setting pg_seclabel pg_seclabels pg_shseclabel
  user_mapping_options _pg_user_mappings
  `
    .trim()
    .split(/\s+/),
)

const DENIED_EXTENSIONS: ReadonlySet<string> = new Set(['pg_stat_statements', 'pg_buffercache', 'pg_walinspect'])

/** Whether nobody may read a relation through the gate. */
export function isDeniedCatalog(relation: RelationFacts): boolean {
  if (relation.schema.startsWith('pg_toast')) return true
  if (relation.extension !== undefined && DENIED_EXTENSIONS.has(relation.extension)) return true
  return isSystemRelation(relation) && DENIED.has(relation.name)
}

/** A catalog or system view that came with the server. */
export function isSystemRelation({ oid, schema }: RelationFacts): boolean {
  return oid < FIRST_USER_OID && (schema === 'pg_catalog' || schema === 'information_schema')
}
