import * as z from 'zod'
import { policyFile } from '../policy/settings.ts'
import { policyTestFile } from '../policy/testFile.ts'
import type { Tool } from '../tools/tool.ts'
import { configFile } from './schema.ts'

/**
 * JSON Schemas for editors, by file name below docs/schema. They describe what people write. Names across files and
 * conditions over several keys are beyond them: `countersign check` knows those. `matchKeys` are what each tool's rules
 * can name.
 */
export function jsonSchemas(matchKeys: readonly Tool['match'][]): ReadonlyMap<string, string> {
  const schemas: [string, string, z.ZodType][] = [
    ['countersign.schema.json', 'countersign.yaml', configFile],
    ['policy.schema.json', 'A policy file of Countersign', policyFile(matchKeys)],
    ['policyTest.schema.json', 'A policy test (*.test.yaml) of Countersign', policyTestFile],
  ]
  return new Map(
    schemas.map(([file, title, schema]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' })
      return [file, `${JSON.stringify({ $schema, title, ...rest }, undefined, 2)}\n`]
    }),
  )
}
