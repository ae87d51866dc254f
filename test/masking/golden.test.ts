import { expect, test } from 'vitest'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { mask } from '../../src/masking/mask.ts'
import { createMasker } from '../../src/masking/masker.ts'

// What an agent sees of a result with one column of every kind. Agents and prompts depend on this form.
test('the form of a masked result is the one in test/golden/maskedResult.json', async () => {
  const columns: readonly (readonly [name: string, type: string, value: unknown, protectedBy?: string])[] = [
    ['id', 'int8', '9007199254740993'],
    ['count', 'int4', 42],
    ['price', 'numeric', '12.50'],
    ['ratio', 'float8', Number.NaN],
    ['active', 'bool', true],
    ['created_at', 'timestamptz', new Date('2026-11-20T09:00:00.123Z')],
    ['raw', 'bytea', Buffer.from([0, 255])],
    ['tags', 'text[]', ['a', null]],
    ['meta', 'jsonb', { user: 'a', password: 'plain words', card: 4242424242424242 }],
    ['email', 'text', 'a@b.example', 'users.email'],
    ['note', 'text', 'use postgres://app:Tr0ub4dor@db/app'],
    ['nothing', 'text', null],
  ]
  const output = mask(
    {
      table: {
        columns: columns.map(([name, type, , by]) => ({ name, type, protectedBy: by === undefined ? [] : [by] })),
        rows: [columns.map(([, , value]) => value)],
      },
      command: 'SELECT',
      rowsChanged: undefined,
      truncated: false,
      caps: { maxRows: 10, maxBytes: 10_000 },
      masked: [],
    },
    createMasker(createCredentialDetector([]), () => {}),
  )
  await expect(`${JSON.stringify(output, null, 2)}\n`).toMatchFileSnapshot('../golden/maskedResult.json')
})
