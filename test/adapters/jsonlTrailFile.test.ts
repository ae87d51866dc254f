import {
  appendFile,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openAppendFile } from '../../src/adapters/jsonlTrailFile.ts'
import { trailFile } from '../../src/audit/files.ts'
import { holdSync } from '../audit/holdSync.ts'
import { makeFolder } from '../audit/openTestTrail.ts'

test('restoring cuts off what was not acknowledged, and nothing else', async () => {
  const file = trailFile(await makeFolder(), 'r1', '2026-11-20')
  const output = await openAppendFile(file)
  await output.append(Buffer.from('durable\n'))
  await appendFile(file.path, 'half a rec')
  await output.restore()
  await output.append(Buffer.from('next\n'))
  expect(await readFile(file.path, 'utf8')).toBe('durable\nnext\n')
  expect(output.size()).toBe(13)
  await output.close()
})

test('a file that cannot be restored takes nothing until it can, and is not made anew', async () => {
  const file = trailFile(await makeFolder(), 'r1', '2026-11-20')
  const output = await openAppendFile(file)
  await output.append(Buffer.from('durable\n'))
  await rename(file.path, `${file.path}.moved`)
  await expect(output.restore()).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(output.append(Buffer.from('lost\n'))).rejects.toThrow('was not restored')
  await writeFile(file.path, 'short')
  await expect(output.restore()).rejects.toThrow('lost records')
  await rename(`${file.path}.moved`, file.path)
  await output.restore()
  await output.append(Buffer.from('next\n'))
  expect(await readFile(file.path, 'utf8')).toBe('durable\nnext\n')
  await output.close()
})

test.runIf(process.platform === 'linux')('a file whose bytes cannot be made durable is not left open', async () => {
  const file = trailFile(await makeFolder(), 'r1', '2026-11-20')
  const handle = await open(import.meta.filename)
  const prototype = Object.getPrototypeOf(handle)
  await handle.close()
  const { datasync } = prototype
  onTestFinished(() => Object.assign(prototype, { datasync }))
  prototype.datasync = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }))
  await expect(openAppendFile(file)).rejects.toMatchObject({ code: 'EIO' })
  const numbers = await readdir('/proc/self/fd')
  const paths = await Promise.all(numbers.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  expect(await stat(file.path)).toMatchObject({ size: 0 })
  expect(paths).not.toContain(file.path)
})

/** What the machine offers: not every folder for temporary files is on ext4. */
async function isExt(dir: string): Promise<boolean> {
  return process.platform === 'linux' && (await statfs(dir)).type === 0xef53
}
const onExt = await isExt(tmpdir())

describe('durable by', () => {
  async function syncsOfOneAppend(dir: string) {
    const file = trailFile(dir, 'r1', '2026-11-20')
    await writeFile(file.path, 'left by another process\n')
    const sync = await holdSync()
    const opening = openAppendFile(file)
    await Promise.race([sync.entered(), opening])
    expect(sync.count()).toEqual({ datasync: 1, syncedWrite: 0 })
    sync.release()
    const output = await opening
    const opened = sync.count()
    await output.append(Buffer.from('first\n'))
    const appended = sync.count()
    await output.restore()
    const restored = sync.count()
    await output.append(Buffer.from('second\n'))
    const last = sync.count()
    await output.close()
    expect(await readFile(file.path, 'utf8')).toBe('left by another process\nfirst\nsecond\n')
    return [opened, appended, restored, last]
  }

  test.runIf(onExt)('one synced write on ext4, also after a restore; what was there before, by fdatasync', async () => {
    expect(await syncsOfOneAppend(await makeFolder())).toEqual([
      { datasync: 1, syncedWrite: 0 },
      { datasync: 1, syncedWrite: 1 },
      { datasync: 2, syncedWrite: 1 },
      { datasync: 2, syncedWrite: 2 },
    ])
  })

  test.runIf(process.platform === 'linux')(
    'a write and an fdatasync on any file system that is not listed',
    async () => {
      const dir = await mkdtemp('/dev/shm/countersign-trail-')
      onTestFinished(() => rm(dir, { recursive: true }))
      expect(await isExt(dir)).toBe(false)
      expect(await syncsOfOneAppend(dir)).toEqual([
        { datasync: 1, syncedWrite: 0 },
        { datasync: 2, syncedWrite: 0 },
        { datasync: 3, syncedWrite: 0 },
        { datasync: 4, syncedWrite: 0 },
      ])
    },
  )
})
