import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OWN_PUBLIC_KEY } from '../../src/audit/signingKey.ts'
import type { Head } from '../../src/audit/trail.ts'
import { runAuditShow, runAuditVerify } from '../../src/cli/audit.ts'
import { makeFolder, newSigningKey, openTestTrail, policyLoaded, trailFiles } from '../audit/openTestTrail.ts'

const noConfig = () => Promise.reject(new Error('no configuration in this test'))

function collect() {
  const parts: string[] = []
  return { out: { write: (text: string) => parts.push(text) }, text: () => parts.join('') }
}

async function makeTrail() {
  const key = newSigningKey()
  const dir = await makeFolder()
  const { trail, heads } = await openTestTrail(dir, { key, records: 2 })
  for (let n = 0; n < 5; n += 1) await trail.append(policyLoaded(n))
  await trail.append({ event: 'call.committing', call: 'call_1', outcome_ref: 7 })
  await trail.close()
  const publicKey = join(dir, 'public.pem')
  await writeFile(publicKey, key.publicKey.export({ type: 'spki', format: 'pem' }))
  const head = join(dir, 'head.json')
  await writeFile(head, JSON.stringify(heads.at(-1)))
  const path = join(dir, (await trailFiles(dir))[0] ?? '')
  return { dir, key, heads, publicKey, head, path }
}

test('verify answers 0 and says how far the proof reaches', async () => {
  const { dir, publicKey, head } = await makeTrail()
  const { out, text } = collect()
  expect(await runAuditVerify(dir, { publicKey, head }, out, noConfig)).toBe(0)
  expect(text()).toMatch(/^replica r1: whole\n/)
  expect(text()).toContain('proven to record 10 by head')
})

test('verify answers 1 and names file, line and kind of the first break', async () => {
  const { dir, publicKey, path } = await makeTrail()
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace('"rules":1', '"rules":7'))
  const { out, text: printed } = collect()
  expect(await runAuditVerify(dir, { publicKey }, out, noConfig)).toBe(1)
  expect(printed()).toMatch(/trail-r1-[\d-]+\.jsonl:3: hash: record 3 was edited/)
})

test('a cut tail is broken against the head of a file or of a configuration, and "tail unproven" without', async () => {
  const { dir, key, heads, publicKey, head, path } = await makeTrail()
  const lines = (await readFile(path, 'utf8')).split('\n')
  await truncate(path, Buffer.byteLength(`${lines.slice(0, 6).join('\n')}\n`))
  expect(await runAuditVerify(dir, { publicKey, head }, collect().out, noConfig)).toBe(1)
  const readConfig = async () => ({ heads: heads.slice(-1) as Head[], publicKeys: new Map([[key.id, key.publicKey]]) })
  expect(await runAuditVerify(dir, { config: 'countersign.yaml' }, collect().out, readConfig)).toBe(1)
  const { out, text } = collect()
  expect(await runAuditVerify(dir, { publicKey }, out, noConfig)).toBe(0)
  expect(text()).toContain('tail unproven: records 5 to 6')
})

test('a key from the same folder is used, and called what it is worth', async () => {
  const { dir, key } = await makeTrail()
  const none = collect()
  expect(await runAuditVerify(dir, {}, none.out, noConfig)).toBe(0)
  expect(none.text()).toContain('proven: nothing')
  expect(none.text()).toContain(key.id)
  await writeFile(join(dir, OWN_PUBLIC_KEY), key.publicKey.export({ type: 'spki', format: 'pem' }))
  const own = collect()
  expect(await runAuditVerify(dir, {}, own.out, noConfig)).toBe(0)
  expect(own.text()).toContain('proven to record 10 by checkpoint')
  expect(own.text()).toContain('whoever can write there can replace it')
})

test('--json prints the reports', async () => {
  const { dir, publicKey } = await makeTrail()
  const { out, text } = collect()
  await runAuditVerify(dir, { publicKey, json: true }, out, noConfig)
  expect(JSON.parse(text())).toMatchObject([{ replica: 'r1', records: 10, provenTo: 10 }])
})

test('wrong use is told from a broken trail', async () => {
  const { dir, publicKey } = await makeTrail()
  const empty = await makeFolder()
  await writeFile(join(empty, 'bad.json'), '{"seq":"x"}')
  const wrong = [
    () => runAuditVerify(empty, {}, collect().out, noConfig),
    () => runAuditVerify(join(empty, 'nowhere'), {}, collect().out, noConfig),
    () => runAuditVerify(dir, { publicKey: join(empty, 'nowhere.pem') }, collect().out, noConfig),
    () => runAuditVerify(dir, { publicKey: join(empty, 'bad.json') }, collect().out, noConfig),
    () => runAuditVerify(dir, { publicKey, head: join(empty, 'bad.json') }, collect().out, noConfig),
    () => runAuditShow('call_1', { dir: join(empty, 'nowhere') }, collect().out),
  ]
  for (const use of wrong) await expect(use()).rejects.toMatchObject({ code: 'ERR_CONFIG' })
})

test('show answers 0 with the records of an id, and 1 when there are none', async () => {
  const { dir } = await makeTrail()
  const { out, text } = collect()
  expect(await runAuditShow('call_1', { dir }, out)).toBe(0)
  expect(text()).toContain('call.committing')
  const json = collect()
  expect(await runAuditShow('call_1', { dir, json: true }, json.out)).toBe(0)
  expect(JSON.parse(json.text())).toMatchObject([{ event: 'call.committing', outcome_ref: 7 }])
  expect(await runAuditShow('call_2', { dir }, collect().out)).toBe(1)
})
