import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createReadSecret, inspectSecret } from '../../src/adapters/secrets.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secrets-'))
})
afterAll(() => rm(folder, { recursive: true }))

const readSecret = createReadSecret({ PASSWORD: 's3cret\n', EMPTY: '' })

async function fileWith(content: string | Buffer, mode = 0o600): Promise<{ file: string }> {
  const file = join(folder, 'secret')
  await writeFile(file, content)
  await chmod(file, mode)
  return { file }
}

test('an environment variable is taken as it is', async () => {
  expect(await readSecret({ env: 'PASSWORD' })).toBe('s3cret\n')
})

test.each([
  ['one newline at the end', 's3cret\n', 's3cret'],
  ['a Windows newline at the end', 's3cret\r\n', 's3cret'],
  ['no newline', 's3cret', 's3cret'],
  ['only the last of two newlines', 's3cret\n\n', 's3cret\n'],
  ['no space', ' s3cret ', ' s3cret '],
])('a file loses %s', async (_, content, secret) => {
  expect(await readSecret(await fileWith(content))).toBe(secret)
})

test('a file is read again every time: secrets rotate', async () => {
  await readSecret(await fileWith('old'))
  expect(await readSecret(await fileWith('new'))).toBe('new')
})

test.each([
  ['an empty file', '', /is empty/],
  ['a file with a newline only', '\n', /is empty/],
  ['a file that is not text', Buffer.from([0xff, 0xfe, 0x41]), /is not text/],
  ['a file that is too large', Buffer.alloc(65 * 1024, 'hunter2'), /is larger than 64 KiB/],
])('%s is refused, and the error names the file only', async (_, content, message) => {
  const reference = await fileWith(content)
  const error = await readSecret(reference).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'ERR_SECRET', message: expect.stringMatching(message) })
  expect(String(error)).toContain(reference.file)
  expect(JSON.stringify(error) + String(error)).not.toContain('hunter2')
})

test('what is absent, or no regular file, is refused without waiting for it', async () => {
  await mkdir(join(folder, 'folder'))
  const refused = (detail: RegExp) => ({ code: 'ERR_SECRET', detail: expect.stringMatching(detail) })
  await expect(readSecret({ file: join(folder, 'none') })).rejects.toMatchObject(refused(/none does not exist/))
  await expect(readSecret({ file: join(folder, 'folder') })).rejects.toMatchObject(refused(/is not a regular file/))
  await expect(readSecret({ file: '/dev/zero' })).rejects.toMatchObject(refused(/is not a regular file/))
  await expect(readSecret({ env: 'NONE' })).rejects.toMatchObject(refused(/environment variable NONE is not set/))
  await expect(readSecret({ env: 'EMPTY' })).rejects.toMatchObject(refused(/is empty/))
})

test('check is told about files that everybody can read', async () => {
  expect(await inspectSecret(await fileWith('x', 0o640))).toBeUndefined()
  expect(await inspectSecret(await fileWith('x', 0o644))).toMatch(/every user of this machine/)
  expect(await inspectSecret({ env: 'PASSWORD' })).toBeUndefined()
})
