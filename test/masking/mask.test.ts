import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { mask, maskPreview } from '../../src/masking/mask.ts'
import { createMasker } from '../../src/masking/masker.ts'
import { refusePlaceholders } from '../../src/masking/refusePlaceholders.ts'
import type { ToolColumn, ToolOutput } from '../../src/tools/tool.ts'

const CREDENTIAL = 'server-side-credential-1'
const masker = createMasker(createCredentialDetector([CREDENTIAL]), () => {})
const CARD = '4242424242424242'

function outputOf(
  columns: Record<string, readonly string[]>,
  rows: readonly (readonly unknown[])[],
  caps = {},
): ToolOutput {
  return {
    table: {
      columns: Object.entries(columns).map(([name, protectedBy]): ToolColumn => ({ name, type: 'text', protectedBy })),
      rows,
    },
    command: 'SELECT',
    rowsChanged: undefined,
    truncated: false,
    caps: { maxRows: 1000, maxBytes: 2 ** 20, ...caps },
    masked: [],
  }
}

function cell(value: unknown, name = 'value'): unknown {
  const { result } = mask(outputOf({ [name]: [] }, [[value]]), masker)
  return (result as { rows: unknown[][] }).rows[0]?.[0]
}

test('rows are shown for as long as their JSON fits the cap, to the byte', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('é€😀', '\0\u0001"\\', '', -1.234567890123457e-300, 1e21, Number.MAX_SAFE_INTEGER),
    fc.constantFrom<unknown>(null, true, [1, 'é'], { a: ['\0'] }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  const rows = fc.array(fc.tuple(value, value), { maxLength: 8 })
  fc.assert(
    fc.property(rows, fc.nat(300), (given, slack) => {
      const whole = mask(outputOf({ a: [], b: [] }, given), masker).result as { rows: unknown[][] }
      const sizes = whole.rows.map((row) => Buffer.byteLength(JSON.stringify(row)) + 1)
      // A cap of any size, one that ends exactly behind a row, and one that is a byte short of it.
      const behind = sizes.slice(0, slack % 9).reduce((sum, size) => sum + size, 0)
      for (const maxBytes of [slack, behind, Math.max(0, behind - 1)]) {
        let left = maxBytes
        const fitting = sizes.findIndex((size) => {
          left -= size
          return left < 0
        })
        const shown = mask(outputOf({ a: [], b: [] }, given, { maxBytes }), masker).result
        const count = fitting < 0 ? sizes.length : fitting
        expect(shown).toMatchObject({ rows: whole.rows.slice(0, count), truncated: count < sizes.length })
      }
    }),
  )
})

test('the longest numbers keep to the cap', () => {
  const longest = -1.2345678901234567e-6
  const row = Array.from({ length: 40 }, () => longest)
  const columns = Object.fromEntries(row.map((_, at) => [`n${at}`, []]))
  const bytes = JSON.stringify(row).length + 1
  expect(mask(outputOf(columns, [row], { maxBytes: bytes }), masker).result).toMatchObject({ rows: [row] })
  expect(mask(outputOf(columns, [row], { maxBytes: bytes - 1 }), masker).result).toMatchObject({
    rows: [],
    truncated: true,
  })
})

test('a protected column is replaced whole, nulls included, and the note says how many values it was', () => {
  const masked = mask(
    outputOf({ id: [], email: ['users.email'] }, [
      [1, 'a@b.c'],
      [2, null],
    ]),
    masker,
  )
  expect(masked).toEqual({
    result: {
      columns: ['id', 'email'],
      types: ['text', 'text'],
      rows: [
        [1, '[masked:users.email]'],
        [2, '[masked:users.email]'],
      ],
      row_count: 2,
      command: 'SELECT',
      truncated: false,
    },
    masked: [{ where: 'email', why: 'protected column users.email', count: 2 }],
  })
})

test('a column that several protected columns flow into names all of them', () => {
  expect(mask(outputOf({ all: ['users.email', 'users.ssn'] }, [['x']]), masker).result).toMatchObject({
    rows: [['[masked:users.email,users.ssn]']],
  })
})

test('the output is the same whatever stands in a protected column: length, null, kind, secrets, even what cannot be shown', () => {
  const values = [null, '', 'x'.repeat(5000), 42, { a: 1 }, Buffer.alloc(9), CREDENTIAL, () => 1, `password=${CARD}`]
  const outputs = values.map((value) =>
    JSON.stringify(
      mask(
        outputOf({ id: [], ssn: ['users.ssn'] }, Array(20).fill([1, value]), { maxBytes: 200, maxRows: 15 }),
        masker,
      ),
    ),
  )
  expect(new Set(outputs).size).toBe(1)
  expect(outputs[0]).toContain('"truncated":true')
})

test.each([
  ['an integer', 42, 42],
  ['a large integer', 2n ** 63n, '9223372036854775808'],
  ['a small bigint', 7n, 7],
  ['NaN', Number.NaN, 'NaN'],
  ['infinity', Number.NEGATIVE_INFINITY, '-Infinity'],
  ['a numeric as text', '12.50', '12.50'],
  ['true', true, true],
  ['null', null, null],
  ['undefined', undefined, null],
  ['a date', new Date('2026-11-20T09:00:00.123Z'), '2026-11-20T09:00:00.123Z'],
  ['a broken date', new Date(Number.NaN), 'invalid date'],
  ['bytes', Buffer.from([0, 255, 16]), '\\x00ff10'],
  ['an array', [1, null, ['a']], [1, null, ['a']]],
  ['an interval', { days: 3, toISOString: () => 'P3D' }, 'P3D'],
  ['JSON with a key named __proto__', JSON.parse('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":{"x":1}}')],
])('%s is rendered as JSON', (_, value, rendered) => {
  expect(cell(value)).toEqual(rendered)
})

test.each([
  ['inside an array', ['ok', `pay ${CARD}`], ['ok', 'pay [masked:payment-card]']],
  ['inside an object', { a: { b: CREDENTIAL } }, { a: { b: '[masked:server-credential]' } }],
  ['in an object key', { [CREDENTIAL]: 1 }, { '[masked:server-credential]': 1 }],
  [
    'in two object keys, which both stay',
    { [CREDENTIAL]: 1, [`${CREDENTIAL}\u200b`]: 2 },
    { '[masked:server-credential]': 1, '[masked:server-credential]\u200b': 2 },
  ],
  ['under a telling key', { user: 'a', password: 'plain words' }, { user: 'a', password: '[masked:secret-by-name]' }],
  ['in bytes', Buffer.from(`url=postgres://a:Tr0ub4dor@h`), '[masked:url-password]'],
  ['in a number', Number(CARD), '[masked:payment-card]'],
  ['in a bigint', BigInt(CARD), '[masked:payment-card]'],
  [
    'in JSON as text, behind escapes',
    '{"k":"\\u0070assword=hunter2!"}',
    '{"k":"password=[masked:password-assignment]"}',
  ],
  [
    'in a private JSON Web Key',
    { kty: 'EC', x: 'abc', d: 'short' },
    { kty: 'EC', x: 'abc', d: '[masked:jwk-private-key]' },
  ],
])('a secret %s is hidden', (_, value, shown) => {
  expect(cell(value)).toEqual(shown)
})

test('a column is judged by its name, and a column name by its text', () => {
  expect(cell('plain words', 'db_password')).toBe('[masked:secret-by-name]')
  expect(cell('plain words', 'has_password_policy')).toBe('plain words')
  const masked = mask(outputOf({ [CREDENTIAL]: [] }, [[`x ${CREDENTIAL}`]]), masker)
  expect(JSON.stringify(masked)).not.toContain(CREDENTIAL)
  expect(masked.masked).toEqual([
    { where: 'column name', why: 'server-credential', count: 1 },
    { where: '[masked:server-credential]', why: 'detector server-credential', count: 1 },
  ])
})

test('in a table of settings a value is judged by the name in its row, unless that name is protected', () => {
  const rows = [
    ['smtp_host', 'mail.example'],
    ['smtp_password', 'plain words'],
  ]
  expect(mask(outputOf({ name: [], value: [] }, rows), masker).result).toMatchObject({
    rows: [
      ['smtp_host', 'mail.example'],
      ['smtp_password', '[masked:secret-by-name]'],
    ],
  })
  expect(mask(outputOf({ name: ['s.name'], value: [] }, rows), masker).result).toMatchObject({
    rows: [
      ['[masked:s.name]', 'mail.example'],
      ['[masked:s.name]', 'plain words'],
    ],
  })
})

test('the row cap is kept, and the output says that it was cut', () => {
  const rows = [[1], [2], [3]]
  expect(mask(outputOf({ id: [] }, rows, { maxRows: 2 }), masker).result).toMatchObject({
    rows: [[1], [2]],
    row_count: 2,
    truncated: true,
  })
  expect(mask(outputOf({ id: [] }, rows, { maxRows: 3 }), masker).result).toMatchObject({
    row_count: 3,
    truncated: false,
  })
  expect(mask({ ...outputOf({ id: [] }, rows), truncated: true }, masker).result).toMatchObject({
    row_count: 3,
    truncated: true,
  })
})

test('the byte cap counts what is shown: a long secret behind a short placeholder costs the placeholder', () => {
  const long = `${'a'.repeat(9000)}`
  expect(mask(outputOf({ t: [] }, [['a'], [long], ['b']], { maxBytes: 500 }), masker).result).toMatchObject({
    rows: [['a']],
    truncated: true,
  })
  expect(mask(outputOf({ t: ['x.t'] }, [['a'], [long], ['b']], { maxBytes: 500 }), masker).result).toMatchObject({
    row_count: 3,
    truncated: false,
  })
  expect(mask(outputOf({ t: [] }, [['é'.repeat(200)]], { maxBytes: 300 }), masker).result).toMatchObject({
    row_count: 0,
    truncated: true,
  })
})

test('notes count only rows that are shown', () => {
  const masked = mask(outputOf({ c: [] }, [[CARD], [CARD], [CARD]], { maxRows: 2 }), masker)
  expect(masked.masked).toEqual([{ where: 'c', why: 'detector payment-card', count: 2 }])
})

test('an output without a table has its command and its count of changed rows', () => {
  const output: ToolOutput = { ...outputOf({}, []), table: undefined, command: 'DELETE', rowsChanged: 5 }
  expect(mask(output, masker).result).toEqual({ command: 'DELETE', rows_changed: 5, truncated: false })
})

test.each([
  ['a function', () => CREDENTIAL],
  ['a symbol', Symbol(CREDENTIAL)],
  ['a map', new Map([[CREDENTIAL, 1]])],
  [
    'an object whose getter throws',
    {
      get x() {
        throw new Error(CREDENTIAL)
      },
    },
  ],
  ['endless nesting', nested(100_000)],
  ['a circle', circle()],
])('%s withholds the whole output with ERR_MASKING, and the error does not carry the value', (_, value) => {
  const attempt = () =>
    mask(
      outputOf({ id: [], v: [] }, [
        [1, 'fine'],
        [2, value],
      ]),
      masker,
    )
  expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_MASKING' }))
  try {
    attempt()
  } catch (error) {
    const cause = (error as Error).cause as Error
    expect(`${error} ${cause.stack} ${cause.message}`).not.toContain(CREDENTIAL)
  }
})

test('a row with more or fewer values than columns is withheld: a value might stand under another column', () => {
  expect(() => mask(outputOf({ id: [], email: ['users.email'] }, [['a@b.c']]), masker)).toThrow(
    expect.objectContaining({ code: 'ERR_MASKING' }),
  )
  expect(() => mask(outputOf({ id: [] }, [[1, 'a@b.c']]), masker)).toThrow(
    expect.objectContaining({ code: 'ERR_MASKING' }),
  )
})

test('a preview shows its sample as text, with protected columns and secrets hidden in lines and cells', () => {
  const preview = maskPreview(
    {
      rows: 2,
      lines: [`2 rows of public.users, note ${CREDENTIAL}`],
      sample: {
        columns: [
          { name: 'id', type: 'int8', protectedBy: [] },
          { name: 'email', type: 'text', protectedBy: ['users.email'] },
          { name: 'meta', type: 'jsonb', protectedBy: [] },
        ],
        rows: [
          [1, 'a@b.c', { password: 'words' }],
          [2, null, null],
        ],
      },
      missing: ['no count'],
    },
    masker,
  )
  expect(preview).toEqual({
    rows: 2,
    lines: ['2 rows of public.users, note [masked:server-credential]'],
    sample: {
      columns: ['id', 'email', 'meta'],
      rows: [
        ['1', '[masked:users.email]', '{"password":"[masked:secret-by-name]"}'],
        ['2', '[masked:users.email]', 'NULL'],
      ],
    },
    missing: ['no count'],
  })
})

describe('a preview of which a detector hides whole lines says that they are missing', () => {
  const begin = ['-----BEGIN PRIV', 'ATE KEY-----'].join('')
  const end = ['-----END PRIV', 'ATE KEY-----'].join('')
  const body = 'MC4CAQAwBQYDK2VwBCIEIPes/2RyP4pfrNV56bZrWWWy28xKchhg5mQXglhpK01v'
  const missingOf = (text: string, language: 'diff' | 'text' = 'diff') =>
    maskPreview(
      { rows: undefined, lines: [], sample: undefined, texts: [{ title: 'Change', text, language }], missing: [] },
      masker,
    ).missing

  test.each([
    [
      'a marker without an end',
      `+${begin}\ndiff --git a/internationalisation b/internationalisation\n+run()\n`,
      'diff',
    ],
    ['a key that is put in', `+${begin}\n+${body}\n+${end}\n`, 'diff'],
    ['a marker in what is taken out, and an end elsewhere', `-${begin}\n-${body}\n+run()\n-${end}\n`, 'diff'],
    ['a title of a commit', `1234 Ada: ${begin}\n5678 Ada: internationalisation\n`, 'text'],
  ] as const)('%s', (_, text, language) => {
    expect(missingOf(text, language)).toEqual(['Change: what looks like a secret hides more than one line of it.'])
  })

  test.each([
    ['a key that is taken out', `-${begin}\n-${body}\n-${end}\n+see the vault\n`],
    ['a credential within a line', `+password is ${CREDENTIAL}\n+run()\n`],
    ['nothing', '+run()\n'],
  ])('but not for %s', (_, text) => {
    expect(missingOf(text)).toEqual([])
  })
})

test.each([
  { sql: "UPDATE users SET email = '[masked:users.email]'" },
  { connection: 'x', params: [1, ['[masked:users.email]']] },
  { body: { '[masked:x]': 1 } },
])('arguments that carry a placeholder are refused with ERR_PLACEHOLDER: %j', (args) => {
  expect(() => refusePlaceholders(args)).toThrow(expect.objectContaining({ code: 'ERR_PLACEHOLDER' }))
})

test('a reason may quote a placeholder, and other arguments are let through', () => {
  expect(() => refusePlaceholders({ reason: 'fix the row with [masked:users.email]', sql: 'SELECT 1' })).not.toThrow()
  expect(() => refusePlaceholders({ sql: nested(100_000) })).not.toThrow()
})

function nested(depth: number): [] {
  let value: unknown = []
  for (let i = 0; i < depth; i++) value = [value]
  return value as []
}

function circle(): unknown {
  const value: Record<string, unknown> = {}
  value.self = value
  return value
}
