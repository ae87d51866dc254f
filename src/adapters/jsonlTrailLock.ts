import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { GateError } from '../errors.ts'

/**
 * Makes this process the only writer of a replica's trail, until it releases or dies. Rejects with ERR_AUDIT when
 * another process is.
 *
 * The lock is the kernel's (SQLite holds an exclusive lock on an empty database file), so a crash cannot leave one
 * behind, and process ids that are reused or that mean something else in another container cannot confuse it. The text
 * file beside it names the holder for people and decides nothing. On network file systems without working locks two
 * writers are not kept apart: the trail belongs on a local disk.
 */
export async function lockTrail(dir: string, replica: string): Promise<() => void> {
  const path = join(dir, `trail-${replica}.lock`)
  const database = openDatabase(path)
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    throw new GateError('ERR_AUDIT', { detail: `Another process writes the trail of replica ${replica}.`, cause })
  }
  const holder = { pid: process.pid, started: new Date(Date.now() - process.uptime() * 1_000).toISOString() }
  await writeFile(join(dir, `trail-${replica}.writer`), `${JSON.stringify(holder)}\n`, { mode: 0o600 })
  return () => database.close()
}

function openDatabase(path: string): InstanceType<typeof DatabaseSync> {
  try {
    return new DatabaseSync(path)
  } catch (cause) {
    throw new GateError('ERR_AUDIT', { detail: 'The audit folder cannot be written.', cause })
  }
}
