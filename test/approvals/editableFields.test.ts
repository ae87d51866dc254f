import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DiffPart, diffText, drawDiff } from '../../src/approvals/diffText.ts'
import { changedArguments, changesOf, editableFields } from '../../src/approvals/editableFields.ts'
import type { Json } from '../../src/call.ts'
import { anApproval, masked, shown } from './fixtures.ts'

const field = (name: string, text: string, isMasked = false) => ({ name, text: masked(text), masked: isMasked })
const approvalOf = (args: Json, fields: readonly ReturnType<typeof field>[], where: readonly string[] = []) =>
  anApproval({ args, shown: { ...shown, fields, masked: where.map((name) => ({ where: name, why: 'x', count: 1 })) } })

describe('what a form offers', () => {
  const args = {
    connection: 'prod',
    sql: 'SELECT $1',
    params: ['a', 1],
    reason: 'r',
    hidden: 'secret-1',
    other: 'secret-2',
  }
  const fields = [
    field('sql', 'SELECT $1'),
    field('params', '["a", 1]'),
    field('reason', 'r'),
    field('hidden', '[masked:x]', true),
    field('other', 'not as it is stored'),
    field('connection', 'prod'),
    field('nothing', 'of the arguments'),
  ]

  test('is what is shown as it is stored; the rest is empty, and what was never shown is not there', () => {
    expect(editableFields(approvalOf(args, fields))).toEqual([
      { name: 'sql', kind: 'text', text: 'SELECT $1' },
      { name: 'params', kind: 'json', text: '["a", 1]' },
      { name: 'hidden', kind: 'text', text: null },
      { name: 'other', kind: 'text', text: null },
    ])
    expect(JSON.stringify(editableFields(approvalOf(args, fields)))).not.toContain('secret')
  })

  test('is nothing once it is decided', () => {
    expect(editableFields({ ...approvalOf(args, fields), state: 'denied' })).toEqual([])
    expect(editableFields(anApproval({ args: undefined }))).toEqual([])
  })

  test('comes back as a change only where it differs, whatever a browser does to line ends', () => {
    const approval = approvalOf({ sql: 'a\nb', params: [1], hidden: 's' }, [
      ...[field('sql', 'a\nb'), field('params', '[1]'), field('hidden', '[masked:x]', true)],
    ])
    const sent = (texts: Record<string, string>) => changesOf(approval, new Map(Object.entries(texts)))
    expect(sent({ sql: 'a\r\nb', params: '[1]', hidden: '' })).toEqual({})
    expect(sent({ sql: 'a\r\nc', params: '[1, 2]', hidden: 'new' })).toEqual({
      sql: 'a\nc',
      params: [1, 2],
      hidden: 'new',
    })
    expect(() => sent({ params: 'one' })).toThrow('does not have the form')
    expect(() => sent({ connection: 'other' })).toThrow('cannot be changed')
  })
})

describe('what stays in a change', () => {
  test('is every other argument, exactly as the agent sent it', () => {
    const args = { connection: 'prod', sql: 'x', params: [null, 1.5], reason: 'r' }
    const approval = approvalOf(args, [field('sql', 'x')])
    expect(changedArguments(approval, { sql: 'y' })).toEqual({ ...args, sql: 'y' })
    expect(Object.keys(changedArguments(approval, JSON.parse('{"__proto__": 1}')) as object)).toContain('__proto__')
  })

  test.each(['connection', 'reason', 'idempotency_key'])('%s is not changed', (name) => {
    expect(() => changedArguments(approvalOf({ sql: 'x' }, [field('sql', 'x')]), { [name]: 'y' })).toThrow(
      'cannot be changed',
    )
  })

  test('is nothing of what was hidden, under whichever name it was', () => {
    const args = { sql: 'x', params: ['p'] }
    const approval = approvalOf(args, [field('sql', 'x'), field('params', '[masked:x]', true)], ['somewhere'])
    expect(() => changedArguments(approval, { sql: 'y' })).toThrow('"params", "somewhere"')
    expect(() => changedArguments(approval, { sql: 'y', params: [] })).toThrow('"somewhere"')
    expect(changedArguments(approval, { sql: 'y', params: [], somewhere: 1 })).toEqual({
      sql: 'y',
      params: [],
      somewhere: 1,
    })
  })
})

describe('a difference', () => {
  const textOf = (parts: readonly DiffPart[], kinds: readonly string[]) =>
    parts
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ text }) => text)
      .join('')

  test('holds both texts, whole and in order, whatever they are', () => {
    const line = fc.constantFrom('', 'a', 'b', '- c', '+ d', '\u202e', 'ü', '\r')
    const text = fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\n'))
    fc.assert(
      fc.property(text, text, (before, after) => {
        const parts = diffText(before, after)
        expect(textOf(parts, ['same', 'removed'])).toBe(before)
        expect(textOf(parts, ['same', 'added'])).toBe(after)
      }),
      { numRuns: 2_000 },
    )
  })

  test('of texts that have nothing in common is one after the other, before it takes long', () => {
    const lines = (letter: string) => Array.from({ length: 5_000 }, (_, index) => `${letter}${index}`).join('\n')
    expect(diffText(lines('a'), lines('b')).map(({ kind }) => kind)).toEqual(['removed', 'added'])
  })

  test('is drawn with a sign before every line, so that no line of a text can pass for another kind', () => {
    const drawn = drawDiff(diffText('keep\n+ forged\n', 'keep\n- forged\nnew'))
    expect(drawn.split('\n')).toEqual(['  keep', '- + forged', '+ - forged', '+ new'])
  })
})
