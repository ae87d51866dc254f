import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openHttp } from './openHttp.ts'

const http = openHttp({ baseUrl: 'https://api.example/v1/', limits: { maxRequestBytes: '1MiB' } })

const fieldsOf = async (args: Readonly<Record<string, unknown>>) => {
  const { request } = await http.understand({ method: 'POST', ...args })
  return new Map(request.map((field) => [field.name, field]))
}

test('JSON is laid out as JSON.stringify does, and every text in it is a literal with the name of its key', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.object({
        maxDepth: 4,
        values: [fc.string({ unit: 'grapheme' }), fc.boolean(), fc.integer(), fc.constant(null)],
      }),
      async (value) => {
        const body = JSON.parse(JSON.stringify(value))
        const field = (await fieldsOf({ body })).get('body')
        expect(field?.text).toBe(JSON.stringify(body, undefined, 2))
        for (const { start, end, name } of field?.literals.slice(1) ?? []) {
          expect(name).toBeTypeOf('string')
          expect(() => JSON.parse(`"${field?.text.slice(start, end)}"`)).not.toThrow()
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('values of the query are literals with the name of their key', async () => {
  const field = (await fieldsOf({ query: { 'a b': 'x&y', list: ['1', 'ü'], last: '' } })).get('request')
  expect(field?.text).toBe('POST https://api.example/v1/?a%20b=x%26y&list=1&list=%C3%BC&last=')
  const named = field?.literals.slice(1).map(({ start, end, name }) => [name, field.text.slice(start, end)])
  expect(named).toEqual([
    ['a b', 'x%26y'],
    ['list', '1'],
    ['list', '%C3%BC'],
    ['last', ''],
  ])
})
