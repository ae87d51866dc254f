import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { trailEvent, trailRecord } from '../../src/audit/event.ts'

const PAGE = readFileSync('docs/trail.md', 'utf8')

interface JsonSchema {
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema & { readonly const?: string }>>
  readonly additionalProperties?: unknown
}

const schema = z.toJSONSchema(trailRecord, { io: 'output' }) as JsonSchema
const events = schema.oneOf ?? schema.anyOf ?? []

test('every event has a closed schema with the envelope in it', () => {
  expect(events.length).toBe(trailEvent.options.length)
  for (const event of events) {
    expect(event.additionalProperties).toBe(false)
    expect(Object.keys(event.properties ?? {})).toEqual(
      expect.arrayContaining(['v', 'seq', 'at', 'event', 'prev', 'hash']),
    )
  }
})

test('docs/trail.md explains every event, and every field in it', () => {
  const undocumented = events.flatMap(({ properties = {} }) => {
    const name = properties.event?.const ?? '?'
    const fields = Object.keys(properties).filter((field) => !PAGE.includes(`\`${field}\``))
    return [...(PAGE.includes(`\`${name}\``) ? [] : [name]), ...fields.map((field) => `${name}: ${field}`)]
  })
  expect(undocumented).toEqual([])
})

test('an unknown event, an unknown field and a field of another kind are not records', () => {
  const base = { event: 'call.committing', call: 'call_1', outcome_ref: 1 }
  expect(trailEvent.safeParse(base).success).toBe(true)
  expect(trailEvent.safeParse({ ...base, event: 'call.invented' }).success).toBe(false)
  expect(trailEvent.safeParse({ ...base, secret: 'x' }).success).toBe(false)
  expect(trailEvent.safeParse({ ...base, call: 7 }).success).toBe(false)
})
