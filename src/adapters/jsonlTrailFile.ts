import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { TrailFile } from '../audit/files.ts'

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants

/** A trail file open for appending. Knows how much of itself is durable, and never builds on anything else. */
export interface AppendFile {
  readonly file: TrailFile
  /** Bytes known to be durable. */
  size(): number
  /** Resolves once the bytes are on disk. When it rejects, `restore` must come before the next call. */
  append(bytes: Buffer): Promise<void>
  /** After a failure: opens the file anew and cuts off what was not acknowledged. Until it resolves, appends reject. */
  restore(): Promise<void>
  /** Rejects when the name no longer leads to the open file: records would go where nobody finds them. */
  checkPlace(): Promise<void>
  close(): Promise<void>
}

/** Opens or makes the file, mode 0600; its name is durable too. Rejects with the operating system's error. */
export async function openAppendFile(file: TrailFile): Promise<AppendFile> {
  let handle = await openForAppend(file.path, O_CREAT)
  let durable = (await handle.stat()).size
  let torn = false
  await syncFolder(dirname(file.path))

  return {
    file,
    size: () => durable,
    async append(bytes) {
      if (torn) throw new Error(`${file.name} was not restored after a failed write`)
      torn = true
      let written = 0
      while (written < bytes.length) written += (await handle.write(bytes, written)).bytesWritten
      await handle.datasync()
      durable += bytes.length
      torn = false
    },
    async restore() {
      torn = true
      const fresh = await openForAppend(file.path, 0)
      try {
        const { size } = await fresh.stat()
        if (size < durable) throw new Error(`${file.name} lost records that were durable`)
        await fresh.truncate(durable)
        await fresh.datasync()
      } catch (error) {
        await fresh.close()
        throw error
      }
      const stale = handle
      handle = fresh
      torn = false
      await stale.close().catch(() => undefined)
    },
    async checkPlace() {
      const [named, opened] = await Promise.all([stat(file.path), handle.stat()])
      if (named.ino !== opened.ino || named.dev !== opened.dev) throw new Error(`${file.name} was replaced`)
    },
    close: () => handle.close(),
  }
}

async function openForAppend(path: string, create: number): Promise<FileHandle> {
  const handle = await open(path, O_RDWR | O_APPEND | O_NOFOLLOW | create, 0o600)
  try {
    await handle.chmod(0o600)
  } catch (error) {
    await handle.close()
    throw error
  }
  return handle
}

/** A new name in a folder survives a power cut only when the folder is synced as well. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
