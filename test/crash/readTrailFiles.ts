import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrailRecord } from '../../src/audit/event.ts'

/** Every whole record of the trail in a folder, in order. */
export async function readTrailFiles(dir: string): Promise<TrailRecord[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.jsonl')).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')))
  return texts
    .flatMap((text) => text.split('\n').filter((line) => line !== ''))
    .map((line) => JSON.parse(line) as TrailRecord)
}
