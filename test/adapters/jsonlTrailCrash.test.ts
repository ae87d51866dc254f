import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { OWN_PUBLIC_KEY, publicKeysOf } from '../../src/audit/signingKey.ts'
import type { Head } from '../../src/audit/trail.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { compileSources } from '../audit/compileSources.ts'
import { makeFolder, readTrail } from '../audit/openTestTrail.ts'

const WRITER = resolve(import.meta.dirname, '../audit/writerProcess.mjs')
const RUNS = 25

let sources: string

beforeAll(async () => {
  sources = join(await makeFolder(), 'js')
  compileSources(sources, ['src/adapters/jsonlTrail.ts'])
})

async function linesUntilEnd(child: ChildProcess, onLine: (count: number) => void): Promise<string[]> {
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    onLine(text.split('\n').length - 1)
  })
  await once(child, 'close')
  return text.split('\n').slice(0, -1)
}

async function verified(dir: string, heads: Head[]) {
  const publicKeys = publicKeysOf(await readFile(join(dir, OWN_PUBLIC_KEY), 'utf8'))
  return (await verifyTrail(dir, { publicKeys, heads }))[0]
}

test(`kill -9 in the middle of writing, ${RUNS} times: no record that was called durable is missing, and the chain goes on`, async () => {
  const dir = await makeFolder()
  const durable = new Map<number, string>()
  let head: Head | undefined
  for (let run = 0; run < RUNS; run += 1) {
    const child = spawn(process.execPath, [WRITER, sources, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = await linesUntilEnd(child, (count) => {
      if (count > 10 + run * 7) child.kill('SIGKILL')
    })
    expect(child.signalCode).toBe('SIGKILL')
    for (const line of lines) {
      const [word, seq, hash] = line.split(' ')
      if (word === 'durable') durable.set(Number(seq), hash ?? '')
      if (word === 'head') head = JSON.parse(line.slice('head '.length)) as Head
    }
    // After the kill the last line may be torn; the next start takes care of it.
  }
  const last = spawn(process.execPath, [WRITER, sources, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  await linesUntilEnd(last, (count) => count > 20 && last.kill('SIGKILL'))

  const report = await verified(dir, head === undefined ? [] : [head])
  expect(report?.break === undefined || report.break.kind === 'torn').toBe(true)
  const records = await readTrail(dir)
  expect(durable.size).toBeGreaterThan(RUNS * 10)
  for (const [seq, hash] of durable) expect(records[seq - 1]?.hash).toBe(hash)
}, 180_000)

test('two processes cannot write one trail, and the lock of a killed one holds nobody up', async () => {
  const dir = await makeFolder()
  const first = spawn(process.execPath, [WRITER, sources, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(first, 'spawn')
  await new Promise<void>((done) => first.stdout?.once('data', () => done()))
  const second = spawn(process.execPath, [WRITER, sources, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  expect(await linesUntilEnd(second, () => undefined)).toEqual([expect.stringMatching(/^stopped ERR_AUDIT/)])
  first.kill('SIGKILL')
  await once(first, 'close')

  const third = spawn(process.execPath, [WRITER, sources, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = await linesUntilEnd(third, (count) => count > 5 && third.kill('SIGKILL'))
  expect(lines[0]).not.toMatch(/^stopped/)
})

test('a write that the system cuts short is refused, taken back, and leaves a whole trail', async () => {
  const dir = await makeFolder()
  // In blocks of 512 bytes: above the 1 MiB reserve, and in the middle of a record of the trail.
  const script = 'ulimit -f 2300 && exec "$@"'
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, WRITER, sources, dir, '5000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = await linesUntilEnd(child, () => undefined)
  expect(lines.filter((line) => line.startsWith('stopped'))).toEqual(['stopped ERR_AUDIT EFBIG'])
  const records = await readTrail(dir)
  const durable = lines.filter((line) => line.startsWith('durable'))
  expect(durable.length).toBeGreaterThan(0)
  for (const line of durable) {
    const [, seq, hash] = line.split(' ')
    expect(records[Number(seq) - 1]?.hash).toBe(hash)
  }
  expect((await verified(dir, []))?.break).toBeUndefined()
  expect((await readdir(dir)).filter((name) => name.endsWith('.torn'))).toEqual([])
})
