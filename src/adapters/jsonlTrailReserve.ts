import { constants } from 'node:fs'
import { type FileHandle, open, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants
const BLOCK = Buffer.alloc(1024 ** 2)

/** Disk space that is held by a file of zeros, and given back when the disk is full. */
export interface DiskReserve {
  /** Takes the space, when it is not held already. Rejects when the disk does not have it. */
  hold(): Promise<void>
  /** Gives the space back. */
  release(): Promise<void>
  /** Whether the disk has more free space than the reserve itself. */
  hasRoomBeside(): Promise<boolean>
}

/**
 * The reserve is written, not only sized: a sparse file holds nothing. On file systems that compress or deduplicate
 * zeros it holds nothing either, and a full disk then leaves started calls open until the next start.
 */
export function openDiskReserve(dir: string, replica: string, bytes: number): DiskReserve {
  const path = join(dir, `trail-${replica}.reserve`)
  const free = async () => {
    const { bavail, bsize } = await statfs(dir)
    return bavail * bsize
  }
  return {
    async hold() {
      const held = await stat(path).then(
        ({ size }) => size,
        () => 0,
      )
      // Asked first, because trying would fill up a full disk for everybody once more.
      if ((await free()) < bytes - held)
        throw Object.assign(new Error('no space for the audit reserve'), { code: 'ENOSPC' })
      const file = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
      try {
        await fillUp(file, bytes)
      } catch (error) {
        await file.close()
        await rm(path, { force: true })
        throw error
      }
      await file.close()
    },
    async release() {
      await rm(path, { force: true })
    },
    async hasRoomBeside() {
      return (await free()) > bytes
    },
  }
}

async function fillUp(file: FileHandle, bytes: number): Promise<void> {
  let { size } = await file.stat()
  if (size > bytes) return await file.truncate(bytes)
  if (size === bytes) return
  while (size < bytes) {
    const { bytesWritten } = await file.write(BLOCK, 0, Math.min(BLOCK.length, bytes - size))
    size += bytesWritten
  }
  await file.datasync()
}
