import { appendFile, readFile, rename, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { openAppendFile } from '../../src/adapters/jsonlTrailFile.ts'
import { trailFile } from '../../src/audit/files.ts'
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
