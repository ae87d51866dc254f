import { generateKeyPairSync } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { openJsonlTrail } from '../src/adapters/jsonlTrail.ts'
import { auditSettings } from '../src/audit/settings.ts'
import { signingKeyOf } from '../src/audit/signingKey.ts'
import { verifyTrail } from '../src/audit/verify.ts'
import { createCredentialDetector } from '../src/masking/credentials.ts'
import { createMasker } from '../src/masking/masker.ts'
import { ms, printTable, whole } from './tables.ts'

/** Detectors over the kinds of text that results hold: how much one core looks through. */
export function benchMasking(seconds: number): void {
  const credentials = Array.from({ length: 4 }, (_, index) => `held-credential-number-${index}-Zk22mBf3Lq81`)
  const masker = createMasker(createCredentialDetector(credentials), () => undefined)
  const samples: readonly (readonly [string, string])[] = [
    ['names and words, 24 characters', 'Ada Okafor, enterprise, '],
    ['a UUID, 36 characters', '0f9bd1de-35c1-4d79-9b5e-0c8a7e2f4a11'],
    [
      'a log line, 160 characters',
      'GET /api/v1/orders/4711?page=2 200 12ms user=42 trace=9f86d081884c7d659a2feaa0c55ad015 '.padEnd(160, 'x'),
    ],
    [
      'JSON, 4 KiB',
      JSON.stringify({
        items: Array.from({ length: 50 }, (_, id) => ({
          id,
          state: 'done',
          total: 17.5,
          note: 'shipped in two parts',
        })),
      }).slice(0, 4096),
    ],
    ['text, 64 KiB', 'The quick brown fox jumps over the lazy dog. '.repeat(1457)],
  ]
  const rows = samples.map(([name, text]) => {
    let bytes = 0
    const size = Buffer.byteLength(text)
    const began = performance.now()
    const until = began + seconds * 1000
    while (performance.now() < until) {
      for (let index = 0; index < 20; index += 1) masker.findIn(text)
      bytes += 20 * size
    }
    const took = (performance.now() - began) / 1000
    return [name, (bytes / took / 1e6).toFixed(1), whole(bytes / size / took)]
  })
  printTable('Masking: every detector over one value', ['value', 'MB/s', 'values/s'], rows)
}

/** Records that are durable when they are answered, and reading them back. */
export async function benchTrail(dir: string, seconds: number): Promise<void> {
  const key = signingKeyOf(
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  )
  const folder = join(dir, 'trail')
  const settings = auditSettings.parse({ dir: folder })
  const trail = await openJsonlTrail({
    settings,
    replica: 'bench',
    key,
    saveHead: async () => undefined,
    onProblem: (what) => console.error(what),
  })
  const event = { event: 'policy.loaded', policy_version: 'sha256:0', files: ['x'.repeat(600)], rules: 3 } as const
  const rows: string[][] = [['fsync alone, 1 KiB', '1', ...(await syncAlone(join(dir, 'sync'), seconds))]]
  for (const writers of [1, 16, 64]) {
    let count = 0
    const began = performance.now()
    const until = began + seconds * 1000
    const write = async () => {
      while (performance.now() < until) {
        await trail.append(event)
        count += 1
      }
    }
    await Promise.all(Array.from({ length: writers }, write))
    const took = performance.now() - began
    rows.push(['append, durable', String(writers), whole((1000 * count) / took), ms((took * writers) / count)])
  }
  await trail.close()
  const began = performance.now()
  const [report] = await verifyTrail(folder, {
    heads: [],
    publicKeys: new Map([[key.id, key.publicKey]]),
    archived: false,
  })
  if (report === undefined || report.break !== undefined) throw new Error('the trail of the benchmark does not verify')
  rows.push(['verify', '', whole((1000 * report.records) / (performance.now() - began)), ''])
  printTable('The trail: records of about 800 bytes', ['what', 'at once', 'records/s', 'mean ms'], rows)
}

async function syncAlone(path: string, seconds: number): Promise<[string, string]> {
  const file = await open(path, 'a')
  const block = Buffer.alloc(1024, 'x')
  let count = 0
  const began = performance.now()
  while (performance.now() < began + seconds * 1000) {
    await file.write(block)
    await file.datasync()
    count += 1
  }
  const took = performance.now() - began
  await file.close()
  return [whole((1000 * count) / took), ms(took / count)]
}
