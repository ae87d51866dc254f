import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { GateError } from '../errors.ts'
import { MIGRATIONS } from './sqliteSchema.ts'

type Database = InstanceType<typeof DatabaseSync>

export type SqlValue = string | number | null

/** A SQLite file that several processes may share. Statements are prepared once. Failures throw ERR_STORE. */
export interface SqliteDatabase {
  rows(sql: string, ...values: SqlValue[]): readonly Record<string, SqlValue>[]
  /** Whether there is a row. */
  has(sql: string, ...values: SqlValue[]): boolean
  /** Rows changed. Only inside `atomically`, or this process stands still while another one writes. */
  run(sql: string, ...values: SqlValue[]): number
  /**
   * Everything or nothing, alone on the file. Durable when it resolves. While another process writes, this one goes on
   * with other work and tries again.
   */
  atomically<T>(work: () => T): Promise<T>
  /** Moves the journal into the file, so that what was overwritten is gone from both. Does nothing while others read. */
  emptyJournal(): void
  close(): void
}

/** How long a writer waits for another process before it gives up with ERR_STORE. */
const BUSY_TIMEOUT_MS = 5_000
/** How long SQLite itself may wait, once the file is open: for that time nothing else happens in this process. */
const STANDSTILL_MS = 20
const RETRY_MS = 10

/** Marks the file as ours, so that a wrong path does not turn somebody else's database into a store. */
const APPLICATION_ID = 0x436f7369

/**
 * Opens or makes the file with mode 0600 and brings its schema up to date. Refuses a file that a newer version or
 * another program made: ERR_CONFIG.
 */
export function openSqliteDatabase(path: string): SqliteDatabase {
  const database = guarded(() => open(path))
  const prepared = new Map<string, ReturnType<Database['prepare']>>()
  const statement = (sql: string) => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const made = database.prepare(sql)
    prepared.set(sql, made)
    return made
  }
  const tables: SqliteDatabase = {
    rows: (sql, ...values) => guarded(() => statement(sql).all(...values)),
    has: (sql, ...values) => guarded(() => statement(sql).get(...values) !== undefined),
    run: (sql, ...values) => guarded(() => statement(sql).run(...values).changes),
    atomically: (work) => patiently(() => transaction(database, work)),
    emptyJournal: () => void guarded(() => database.exec('PRAGMA wal_checkpoint(TRUNCATE)')),
    close: () => {
      if (!database.isOpen) return
      try {
        // Statements that are still prepared keep SQLite from doing this by itself.
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      } finally {
        database.close()
      }
    },
  }
  try {
    migrate(database, tables)
    database.exec(`PRAGMA busy_timeout = ${STANDSTILL_MS}`)
  } catch (error) {
    tables.close()
    throw error
  }
  return tables
}

function open(path: string): Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // Made before SQLite sees it: its journal files take over the mode of the database file.
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, defensive: true })
  // FULL: in WAL mode NORMAL may lose the last commits in a power cut, and a lost `take` is a second execution.
  // secure_delete: arguments that left a record shall not stay readable in free pages.
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF',
  )
  return database
}

function migrate(database: Database, tables: SqliteDatabase): void {
  transaction(database, () => {
    const version = pragma(tables, 'user_version')
    const owner = pragma(tables, 'application_id')
    const foreign = owner === 0 && tables.rows('SELECT 1 FROM sqlite_schema LIMIT 1').length > 0
    if (foreign || (owner !== 0 && owner !== APPLICATION_ID)) {
      throw new GateError('ERR_CONFIG', { detail: 'approvals.store.sqlite is the database of another program.' })
    }
    if (version > MIGRATIONS.length) {
      throw new GateError('ERR_CONFIG', {
        detail: 'approvals.store.sqlite was made by a newer version of Countersign.',
      })
    }
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration)
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}; PRAGMA application_id = ${APPLICATION_ID}`)
  })
}

function pragma(tables: SqliteDatabase, name: 'user_version' | 'application_id'): number {
  return Number(tables.rows(`PRAGMA ${name}`)[0]?.[name] ?? 0)
}

/** Tries at once, and again while another process holds the file. What is tried never waits in the middle. */
async function patiently<T>(attempt: () => T): Promise<T> {
  for (const end = performance.now() + BUSY_TIMEOUT_MS; ; ) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error) || performance.now() > end) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

function isBusy(error: unknown): boolean {
  const cause = error instanceof GateError ? error.cause : undefined
  return cause instanceof Error && 'sqliteCode' in cause && cause.sqliteCode === SQLITE_BUSY
}

const SQLITE_BUSY = 5

function transaction<T>(database: Database, work: () => T): T {
  // IMMEDIATE takes the write lock first: what is read inside cannot change before it is written.
  guarded(() => database.exec('BEGIN IMMEDIATE'))
  try {
    const result = work()
    guarded(() => database.exec('COMMIT'))
    return result
  } catch (error) {
    if (database.isOpen && database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof GateError ? error : new GateError('ERR_STORE', { cause: error })
  }
}
