/**
 * Functions of pg_catalog that an agent may call without anybody's approval although they are not IMMUTABLE: they read
 * nothing but their arguments, the clock, randomness, and descriptions of objects. Immutable ones are harmless unless
 * DENIED names them. A name here covers all of its overloads on PostgreSQL 15 to 18; each was looked at.
 */
export const HARMLESS: ReadonlySet<string> = new Set(
  `
  clock_timestamp now statement_timestamp timeofday transaction_timestamp age date date_add date_part date_subtract
  date_trunc extract make_timestamptz overlaps time timestamp timestamptz timetz timezone to_char to_date to_number
  to_timestamp interval_pl_timestamptz timestamptz_mi_interval timestamptz_pl_interval in_range generate_series
  date_cmp_timestamptz date_eq_timestamptz date_ge_timestamptz date_gt_timestamptz date_le_timestamptz
  date_lt_timestamptz date_ne_timestamptz timestamp_cmp_timestamptz timestamp_eq_timestamptz
  timestamp_ge_timestamptz timestamp_gt_timestamptz timestamp_le_timestamptz timestamp_lt_timestamptz
  timestamp_ne_timestamptz timestamptz_cmp_date timestamptz_cmp_timestamp timestamptz_eq_date
  timestamptz_eq_timestamp timestamptz_ge_date timestamptz_ge_timestamp timestamptz_gt_date timestamptz_gt_timestamp
  timestamptz_le_date timestamptz_le_timestamp timestamptz_lt_date timestamptz_lt_timestamp timestamptz_ne_date
  timestamptz_ne_timestamp pg_timezone_abbrevs pg_timezone_abbrevs_abbrevs pg_timezone_abbrevs_zone pg_timezone_names

  anytextcat textanycat array_sample array_shuffle array_to_json array_to_string concat concat_ws convert convert_from
  convert_to enum_first enum_last enum_range format gen_random_uuid length money numeric quote_literal quote_nullable
  random random_normal uuidv4 uuidv7 xml xml_is_well_formed bernoulli system

  json_agg json_agg_strict json_build_array json_build_object json_object_agg json_object_agg_strict
  json_object_agg_unique json_object_agg_unique_strict json_populate_record json_populate_recordset json_to_record
  json_to_recordset json_to_tsvector jsonb_agg jsonb_agg_strict jsonb_build_array jsonb_build_object jsonb_object_agg
  jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict jsonb_path_exists_tz
  jsonb_path_match_tz jsonb_path_query_array_tz jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record
  jsonb_populate_record_valid jsonb_populate_recordset jsonb_to_record jsonb_to_recordset jsonb_to_tsvector
  row_to_json to_json to_jsonb

  get_current_ts_config phraseto_tsquery plainto_tsquery to_tsquery to_tsvector ts_debug ts_headline ts_match_tq
  ts_match_tt ts_parse ts_token_type websearch_to_tsquery

  aclexplode col_description current_database current_query current_schema current_schemas current_user format_type
  getdatabaseencoding getpgusername has_any_column_privilege has_column_privilege has_database_privilege
  has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege has_parameter_privilege
  has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege has_tablespace_privilege
  has_type_privilege mxid_age obj_description oidvectortypes pg_available_extension_versions pg_available_extensions
  pg_backend_pid pg_basetype pg_blocking_pids pg_char_to_encoding pg_client_encoding pg_collation_actual_version
  pg_collation_for pg_collation_is_visible pg_column_compression pg_column_is_updatable pg_column_size
  pg_conf_load_time pg_conversion_is_visible pg_current_snapshot pg_current_wal_lsn pg_current_xact_id_if_assigned
  pg_database_size pg_describe_object pg_encoding_to_char pg_filenode_relation pg_function_is_visible pg_get_acl
  pg_get_catalog_foreign_keys pg_get_constraintdef pg_get_expr pg_get_function_arg_default
  pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_function_sqlbody
  pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_object_address pg_get_partition_constraintdef
  pg_get_partkeydef pg_get_publication_tables pg_get_replica_identity_index pg_get_ruledef pg_get_serial_sequence
  pg_get_statisticsobjdef pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef
  pg_get_userbyid pg_get_viewdef pg_has_role pg_identify_object pg_identify_object_as_address
  pg_index_column_has_property pg_index_has_property pg_indexam_has_property pg_indexes_size pg_is_in_recovery
  pg_is_other_temp_schema pg_jit_available pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible
  pg_opfamily_is_visible pg_options_to_table pg_partition_ancestors pg_partition_tree pg_postmaster_start_time
  pg_relation_filenode pg_relation_is_publishable pg_relation_is_updatable pg_relation_size pg_sequence_parameters
  pg_settings_get_flags pg_stat_get_dead_tuples pg_stat_get_live_tuples pg_stat_get_numscans
  pg_statistics_obj_is_visible pg_table_is_visible pg_table_size pg_tablespace_size pg_total_relation_size
  pg_trigger_depth pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
  pg_type_is_visible pg_typeof regclass row_security_active session_user shobj_description system_user to_regclass
  to_regcollation to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure to_regrole to_regtype
  to_regtypemod txid_current_if_assigned txid_current_snapshot version
  `
    .trim()
    .split(/\s+/),
)

/**
 * Functions of pg_catalog that never run: they reach files, other sessions, replication, large objects, settings, or
 * tables that are named in a string. `ts_rewrite` is denied only in the form that takes a query.
 */
export const DENIED: ReadonlySet<string> = new Set(
  `
  cursor_to_xml cursor_to_xmlschema database_to_xml database_to_xml_and_xmlschema database_to_xmlschema query_to_xml
  query_to_xml_and_xmlschema query_to_xmlschema schema_to_xml schema_to_xml_and_xmlschema schema_to_xmlschema
  table_to_xml table_to_xml_and_xmlschema table_to_xmlschema ts_stat ts_rewrite
  loread lowrite set_config pg_notify pg_listening_channels
  pg_cancel_backend pg_terminate_backend pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old
  pg_log_backend_memory_contexts pg_get_backend_memory_contexts pg_log_standby_snapshot pg_export_snapshot pg_stat_file
  pg_show_all_file_settings pg_hba_file_rules pg_ident_file_mappings pg_current_logfile pg_switch_wal pg_promote
  pg_create_restore_point pg_create_logical_replication_slot pg_create_physical_replication_slot
  pg_copy_logical_replication_slot pg_copy_physical_replication_slot pg_drop_replication_slot
  pg_sync_replication_slots pg_import_system_collations pg_nextoid pg_stop_making_pinned_objects
  pg_extension_config_dump gin_clean_pending_list brin_desummarize_range brin_summarize_new_values
  brin_summarize_range pg_stat_get_activity pg_stat_get_backend_activity pg_stat_get_wal_receiver
  pg_stat_get_wal_senders pg_stat_get_subscription pg_prepared_statement pg_prepared_xact pg_cursor currtid2
  pg_stat_force_next_flush pg_stat_clear_snapshot pg_mcv_list_items pg_get_multixact_members
  pg_available_wal_summaries pg_wal_summary_contents pg_get_wal_summarizer_state pg_show_replication_origin_status
  pg_get_replication_slots
  `
    .trim()
    .split(/\s+/),
)

/** Families of DENIED whose members differ from major to major. */
export const DENIED_PREFIXES: readonly string[] = [
  'lo_',
  'pg_read_',
  'pg_ls_',
  'pg_advisory_',
  'pg_try_advisory_',
  'pg_replication_',
  'pg_logical_',
  'pg_backup_',
  'pg_wal_replay_',
  'pg_stat_reset',
  'pg_restore_',
  'pg_clear_',
  'binary_upgrade_',
]
