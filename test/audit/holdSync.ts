import fs from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { onTestFinished } from 'vitest'

/**
 * Lets whatever makes bytes durable (a real fdatasync, or a real write with O_DSYNC) wait until it is released, and
 * counts it. The bytes themselves are written at once.
 */
export async function holdSync() {
  const file = await open(import.meta.filename)
  const prototype = Object.getPrototypeOf(file) as FileHandle
  await file.close()
  const { datasync } = prototype
  const { write } = fs
  let release = () => {}
  let enter = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const entered = new Promise<void>((resolve) => {
    enter = resolve
  })
  const count = { datasync: 0, syncedWrite: 0 }
  prototype.datasync = async function (this: FileHandle) {
    count.datasync += 1
    enter()
    await released
    await datasync.call(this)
  }
  const heldWrite = (fd: number, bytes: Buffer, from: number, length: number, at: null, done: OnWritten) => {
    write(fd, bytes, from, length, at, async (error, written) => {
      if (isSynced(fd)) {
        count.syncedWrite += 1
        enter()
        await released
      }
      done(error, written)
    })
  }
  replaceWrite(heldWrite)
  onTestFinished(() => {
    Object.assign(prototype, { datasync })
    replaceWrite(write)
  })
  return { entered: () => entered, release: () => release(), count: () => ({ ...count }) }
}

type OnWritten = (error: NodeJS.ErrnoException | null, written: number) => void

/** For everybody who has imported it, too. */
function replaceWrite(write: unknown): void {
  Object.assign(fs, { write })
  syncBuiltinESMExports()
}

/** Whether every write to the file is synced before it returns. */
function isSynced(fd: number): boolean {
  if (process.platform !== 'linux') return false
  const flags = /^flags:\s*([0-7]+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
  return (Number.parseInt(flags ?? '0', 8) & fs.constants.O_DSYNC) !== 0
}
