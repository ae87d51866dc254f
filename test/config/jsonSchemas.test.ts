import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { schemaFiles } from '../../scripts/writeSchemas.ts'
import { jsonSchemas } from '../../src/config/jsonSchemas.ts'
import { sqlTool } from '../policy/judgedTools.ts'

const folder = new URL('../../docs/schema', import.meta.url).pathname

test('docs/schema is what the code accepts: run `npm run docs` when this fails', () => {
  const written = new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')]))
  expect(Object.fromEntries(written)).toEqual(Object.fromEntries(schemaFiles()))
})

test('editors are told about unknown keys, and about what tools can match on', () => {
  const schema = JSON.parse(jsonSchemas([sqlTool.match]).get('policy.schema.json') ?? '')
  expect(schema).toMatchObject({ additionalProperties: false, required: ['policy', 'rules'] })
  const [, mapping] = schema.properties.rules.items.properties.match.anyOf
  expect(Object.keys(mapping.properties).sort()).toEqual([
    ...['atMost', 'during', 'kinds', 'labels', 'operation', 'schemas', 'tables', 'where'],
  ])
  expect(mapping.additionalProperties).toBe(false)
})
