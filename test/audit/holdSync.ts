import { constants, readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { onTestFinished } from 'vitest'

/**
 * Lets whatever makes bytes durable (a real fdatasync, or a real write with O_DSYNC) wait until it is released, and
 * counts it. The bytes themselves are written at once.
 */
export async function holdSync() {
  const file = await open(import.meta.filename)
  const prototype = Object.getPrototypeOf(file) as FileHandle
  await file.close()
  const { datasync, write } = prototype
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
  prototype.write = async function (this: FileHandle, ...rest: Parameters<FileHandle['write']>) {
    const result = await write.apply(this, rest)
    if (!isSynced(this)) return result
    count.syncedWrite += 1
    enter()
    await released
    return result
  } as FileHandle['write']
  onTestFinished(() => {
    Object.assign(prototype, { datasync, write })
  })
  return { entered: () => entered, release: () => release(), count: () => ({ ...count }) }
}

/** Whether every write to the file is synced before it returns. */
function isSynced({ fd }: FileHandle): boolean {
  if (process.platform !== 'linux') return false
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
  return (Number.parseInt(flags ?? '0', 8) & constants.O_DSYNC) !== 0
}
