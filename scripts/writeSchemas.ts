import { mkdirSync, writeFileSync } from 'node:fs'
import { jsonSchemas } from '../src/config/jsonSchemas.ts'
import { openTools } from '../src/tools/openTools.ts'

/** docs/schema/*.json: JSON Schemas of the files that people write, for editors. From the zod schemas that load them. */
export function schemaFiles(): ReadonlyMap<string, string> {
  // Nothing is connected before a call.
  const { tools } = openTools({ readSecret: async () => '', alsoSecret: () => undefined, connections: () => ({}) })
  return jsonSchemas(tools.map(({ match }) => match))
}

export function writeSchemas(): void {
  mkdirSync('docs/schema', { recursive: true })
  for (const [file, text] of schemaFiles()) writeFileSync(`docs/schema/${file}`, text)
}
