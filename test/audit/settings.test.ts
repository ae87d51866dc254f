import { generateKeyPairSync } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { auditSettings } from '../../src/audit/settings.ts'
import { loadSigningKey, OWN_KEY, OWN_PUBLIC_KEY, publicKeysOf, signingKeyOf } from '../../src/audit/signingKey.ts'
import { makeFolder, newSigningKey } from './openTestTrail.ts'

const noSecrets = () => Promise.reject(new Error('asked for a secret'))

test('an empty part gets defaults that hold', () => {
  expect(auditSettings.parse({})).toEqual({
    ...{ dir: './var/audit', rotate: 'daily', reserve: 16 * 1024 ** 2, checkpoint: { records: 500, every: 60_000 } },
  })
})

test('what this version cannot do, and what would weaken the proof, is refused', () => {
  for (const wrong of [
    { anchors: [{ webhook: 'https://anchor.example' }] },
    { rotate: 'weekly' },
    { dir: '' },
    { signingKey: '-----BEGIN PRIVATE KEY-----' },
    { reserve: '1KiB' },
    { reserve: '2GiB' },
    { checkpoint: { records: 0 } },
    { checkpoint: { records: 10_001 } },
    { checkpoint: { every: '2h' } },
    { checkpoint: { every: 60 } },
  ]) {
    expect(auditSettings.safeParse(wrong).success, JSON.stringify(wrong)).toBe(false)
  }
})

test('without a reference a pair is made once, private to its owner, and used again', async () => {
  const dir = join(await makeFolder(), 'audit')
  const key = await loadSigningKey(dir, undefined, noSecrets)
  expect((await stat(join(dir, OWN_KEY))).mode & 0o777).toBe(0o600)
  expect((await loadSigningKey(dir, undefined, noSecrets)).id).toBe(key.id)
  expect([...publicKeysOf(await readFile(join(dir, OWN_PUBLIC_KEY), 'utf8')).keys()]).toEqual([key.id])
})

test('a reference is read instead, and nothing is made', async () => {
  const dir = await makeFolder()
  const key = newSigningKey()
  const pem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  expect((await loadSigningKey(dir, { env: 'AUDIT_KEY' }, async () => pem)).id).toBe(key.id)
  await expect(stat(join(dir, OWN_KEY))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a damaged key stops the start and is never replaced, nor quoted', async () => {
  const dir = await makeFolder()
  await writeFile(join(dir, OWN_KEY), 'canary')
  const error = await loadSigningKey(dir, undefined, noSecrets).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'ERR_CONFIG' })
  expect(String(error)).not.toContain('canary')
  expect(await readFile(join(dir, OWN_KEY), 'utf8')).toBe('canary')
})

test('only Ed25519 keys are keys, and several public keys can be given', () => {
  const [a, b] = [newSigningKey(), newSigningKey()]
  const pem = [a, b].map((key) => key.publicKey.export({ type: 'spki', format: 'pem' })).join('\n')
  expect([...publicKeysOf(pem).keys()]).toEqual([a.id, b.id])
  expect(() => publicKeysOf('')).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const foreign = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  expect(() => signingKeyOf(foreign)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
  expect(() => signingKeyOf(pem)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
})
