// Appends to a trail until it is killed, and prints the place of every record that it was told is durable.
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [sources, dir, textLength = '10'] = process.argv.slice(2)
const load = (path) => import(pathToFileURL(join(sources, path)).href)
const { openJsonlTrail } = await load('adapters/jsonlTrail.js')
const { auditSettings } = await load('audit/settings.js')
const { loadSigningKey } = await load('audit/signingKey.js')

const print = (line) => writeSync(1, `${line}\n`)

try {
  const trail = await openJsonlTrail({
    settings: auditSettings.parse({ dir, reserve: '1MiB', checkpoint: { records: 7 } }),
    replica: 'r1',
    key: await loadSigningKey(dir, undefined, async () => ''),
    saveHead: async (head) => print(`head ${JSON.stringify(head)}`),
    onProblem: () => undefined,
  })
  await Promise.all(
    Array.from({ length: 8 }, async (_, caller) => {
      for (let n = 0; ; n += 1) {
        const event = {
          event: 'policy.loaded',
          policy_version: 'x'.repeat(Number(textLength)),
          files: [`${caller}`],
          rules: n,
        }
        trail.appendBuffered(event)
        const { seq, hash } = await trail.append(event)
        print(`durable ${seq} ${hash}`)
      }
    }),
  )
} catch (error) {
  print(`stopped ${error.code} ${error.cause?.code ?? error.cause ?? ''}`)
}
