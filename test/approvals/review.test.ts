import { describe, expect, test } from 'vitest'
import { reviewViewOf } from '../../src/approvals/review.ts'
import { findSuspiciousText, showHidden } from '../../src/approvals/suspiciousText.ts'
import { aDecision, anApproval, masked, shown } from './fixtures.ts'

describe('findSuspiciousText', () => {
  test.each<[string, string, string]>([
    ['a right-to-left override', 'DELETE \u202e FROM', 'bidirectional'],
    ['a left-to-right isolate', 'a\u2066b', 'bidirectional'],
    ['an Arabic letter mark', 'a\u061cb', 'bidirectional'],
    ['a zero-width space', 'us\u200bers', 'invisible'],
    ['a word joiner', 'us\u2060ers', 'invisible'],
    ['a soft hyphen', 'us\u00aders', 'invisible'],
    ['a byte order mark', '\ufeffx', 'invisible'],
    ['tag characters', 'x\u{e0041}', 'invisible'],
    ['a variation selector', 'x\ufe0f', 'invisible'],
    ['a Hangul filler', 'x\u3164', 'invisible'],
    ['a Braille blank', 'x\u2800', 'invisible'],
    ['an escape sequence', '\u001b[2J', 'control'],
    ['a carriage return', 'DROP\rSELECT', 'control'],
    ['a backspace', 'a\b', 'control'],
    ['a C1 control', 'a\u009b', 'control'],
    ['a no-break space', 'a\u00a0b', 'odd-space'],
    ['a line separator', 'a\u2028b', 'odd-space'],
    ['Latin mixed with Cyrillic', 'us\u0435rs', 'look-alike'],
    ['Latin mixed with Greek', 'us\u03b5rs', 'look-alike'],
    ['a word of Cyrillic twins', 'SELECT * FROM \u0440\u0430\u0443', 'look-alike'],
    ['full-width letters', '\uff35sers', 'look-alike'],
    ['mathematical letters', '\u{1d42e}sers', 'look-alike'],
    ['stacked marks', 'a\u0300\u0301\u0302\u0303', 'stacked-marks'],
    ['a private-use character', 'a\ue000', 'private-or-unassigned'],
    ['hundreds of line feeds', `a${'\n'.repeat(400)}DROP`, 'long-blank'],
    ['thousands of blanks', `a${' '.repeat(5000)}DROP`, 'long-blank'],
  ])('%s', (_, text, kind) => {
    const found = findSuspiciousText(text)
    expect(found.map((warning) => warning.kind)).toContain(kind)
    for (const { message } of found)
      expect(findSuspiciousText(message.replace(/.*: /, '')).filter((w) => w.kind !== 'look-alike')).toEqual([])
  })

  test.each([
    ['ordinary SQL', "SELECT id, 'it''s' FROM public.users\n\tWHERE a > 1 -- note\n\n"],
    ['accents and umlauts', 'café Müller naïve Ångström œuvre'],
    ['other languages', 'привет мир, γειά σου Κόσμε, 日本語, 한국어, हिन्दी'],
    ['numbers and signs', '€ 5 – “quoted” … × ÷ ✓'],
  ])('%s is not suspicious', (_, text) => {
    expect(findSuspiciousText(text)).toEqual([])
  })

  test('a megabyte is looked through quickly enough, whatever is in it', () => {
    for (const unit of ['a', ' ', '\n', ' \n', '\u0300', '\u202e', 'e\u0435']) {
      expect(findSuspiciousText(unit.repeat(1_000_000 / unit.length)).length).toBeLessThan(5)
    }
  })
})

test('showHidden writes out what cannot be seen and leaves line feeds, tabs and letters', () => {
  expect(showHidden('a\u202eb\u001b[1mc\u200b\n\té')).toBe('a⟦U+202E⟧b⟦U+001B⟧[1mc⟦U+200B⟧\n\té')
})

describe('reviewViewOf', () => {
  const approval = anApproval({ verdicts: aDecision('require-approval').verdicts })

  test('answers who, what, where, effect, why, reason and until when', () => {
    expect(reviewViewOf(approval)).toMatchObject({
      who: {
        subject: 'agent-oid',
        acting_for: 'entra/t1/human-oid',
        groups: ['g-agents'],
        agent: { name: 'claude-code' },
      },
      what: { tool: 'run_sql', fields: [{ name: 'sql', text: 'DELETE FROM jobs WHERE done' }] },
      where: { connection: 'prod', labels: { env: 'prod' } },
      effect: { rows: 12, lines: ['12 rows of public.jobs'] },
      why: [{ operation: 'DELETE', policy: 'cleanup', rule: 'small-deletes', source: 'policies/cleanup.yaml:7' }],
      reason: 'queue is full',
      expires_at: '2026-11-20T13:00:00.000Z',
      digest: approval.digest,
      warnings: [],
      one_click: true,
    })
  })

  test('never holds the true arguments or the lease', () => {
    const text = JSON.stringify(
      reviewViewOf({ ...approval, args: { sql: 'SECRET' }, lease: { replica: 'gw-1', epoch: 1 } }),
    )
    expect(text).not.toMatch(/SECRET|gw-1/)
  })

  test.each<[string, Parameters<typeof anApproval>[0]]>([
    ['something is hidden in it', { shown: { ...shown, fields: [{ name: 'sql', text: masked('x'), masked: true }] } }],
    [
      'the request could deceive',
      { shown: { ...shown, fields: [{ name: 'sql', text: masked('a\u202eb'), masked: false }] } },
    ],
    ['the reason could deceive', { shown: { ...shown, reason: masked('a\u200bb') } }],
    [
      'the preview could deceive',
      { shown: { ...shown, preview: { rows: 1, lines: [masked('a\u202eb')], sample: undefined, missing: [] } } },
    ],
    ['the agent calls itself something that could deceive', { agent: { name: 'cl\u0430ude', version: '1' } }],
    [
      'an operation name could deceive',
      {
        verdicts: aDecision('allow').verdicts.map((verdict) => ({
          ...verdict,
          operation: { ...verdict.operation, operation: 'function:us\u0435rs' },
        })),
      },
    ],
    ['the same call may have run already', { afterUnknown: 'apr_1' }],
  ])('has no one-click approval when %s', (_, over) => {
    expect(reviewViewOf(anApproval(over)).one_click).toBe(false)
  })
})
