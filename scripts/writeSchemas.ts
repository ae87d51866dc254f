import { mkdirSync, writeFileSync } from 'node:fs'
import { jsonSchemas } from '../src/config/jsonSchemas.ts'
import { MATCH_KEYS } from '../src/tools/run_sql/matchKeys.ts'

/** docs/schema/*.json: JSON Schemas of the files that people write, for editors. From the zod schemas that load them. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return jsonSchemas([MATCH_KEYS])
}

export function writeSchemas(): void {
  mkdirSync('docs/schema', { recursive: true })
  for (const [file, text] of schemaFiles()) writeFileSync(`docs/schema/${file}`, text)
}
