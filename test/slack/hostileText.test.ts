import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Approval, Modification, ShownRequest } from '../../src/approvals/approval.ts'
import { reviewViewOf } from '../../src/approvals/review.ts'
import { drawDenyForm, drawFullText, drawModifyForm, drawNotice } from '../../src/slack/drawModals.ts'
import { drawRequest, drawUnshown } from '../../src/slack/drawRequest.ts'
import { drawNews, drawReminder } from '../../src/slack/drawThread.ts'
import { placeOf } from '../../src/slack/layOut.ts'
import { excerptOf, piecesOf, visible } from '../../src/slack/untrustedText.ts'
import { anApproval, masked } from '../approvals/fixtures.ts'
import { DANGER, HOSTILE_TEXTS } from './hostileTexts.ts'
import { lintBlocks, lintModal, textsIn } from './lintBlocks.ts'

const nowhere = () => undefined
const console = (id: string) => `https://gate.corp.example/console/requests/${id}`

function approvalWith(
  text: string,
  where: 'field' | 'reason' | 'effect' | 'change' | 'everywhere',
  over: Partial<Approval> = {},
) {
  const here = (name: typeof where) => masked(where === name || where === 'everywhere' ? text : 'fine')
  const shown: ShownRequest = {
    fields: [{ name: where === 'everywhere' ? text.slice(0, 200) : 'sql', text: here('field'), masked: false }],
    reason: here('reason'),
    preview: {
      rows: 3,
      lines: [here('effect')],
      sample:
        where === 'everywhere'
          ? { columns: [masked(text.slice(0, 300))], rows: [[masked(text.slice(0, 300))]] }
          : undefined,
      missing: where === 'everywhere' ? [masked(text.slice(0, 300))] : [],
    },
    masked: where === 'everywhere' ? [{ where: text.slice(0, 100), why: 'protected', count: 2 }] : [],
  }
  const author = { person: 'p', subject: 's', name: where === 'everywhere' ? text : 'ann' }
  const modification: Modification = {
    ...{ parent: `apr_${'0'.repeat(26)}`, author, authors: [author], via: 'slack', asked: [] },
    note: here('change'),
    before: [{ name: 'sql', text: here('change'), masked: false }],
  }
  const isChanged = where === 'change' || where === 'everywhere'
  const replacement = { id: `apr_${'1'.repeat(26)}`, by: author, via: 'slack' as const, note: here('change') }
  const escalation = { at: 1, to: [{ set: where === 'everywhere' ? text : 'security', atLeast: 2 }] }
  const escalated = { at: 1, from: [{ set: where === 'everywhere' ? text : 'dba', atLeast: 1 }] }
  return anApproval({
    shown,
    args: { sql: here('field') },
    ...(isChanged && { modification }),
    ...(where === 'everywhere' && { escalation, escalated, replacement }),
    ...over,
  })
}

/** What nobody reads as markup: every text that is not mrkdwn. */
function markupIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(markupIn)
  if (typeof value !== 'object' || value === null) return []
  const { type, text } = value as { type?: unknown; text?: unknown }
  return type === 'mrkdwn' && typeof text === 'string' ? [text] : Object.values(value).flatMap(markupIn)
}

const OUR_MARKUP =
  /^(`apr_[0-9A-Z]{26}` · `hmac-sha256:[0-9a-f]{16}`( · expires <!date\^\d+\^\{date_short_pretty\} \{time\}\|[0-9T:.Z-]+>)?|`apr_[0-9A-Z]{26}` still waits for a decision\. It expires <!date\^\d+\^\{time\}\|[0-9T:.Z-]+>\.)$/

/** Everything that can be drawn of an approval. */
function everythingOf(approval: Approval) {
  const view = reviewViewOf(approval)
  const vote = approval.votes.at(-1)
  const about = { approvalId: approval.id, version: approval.version, at: approval.createdAt, vote }
  const kinds = ['requested', 'voted', 'decided', 'expired', 'withdrawn', 'settled', 'modified', 'escalated'] as const
  const messages = [
    drawRequest(view, nowhere),
    drawRequest(view, console),
    drawUnshown(view, console),
    drawReminder(approval),
    ...kinds.flatMap((kind) => drawNews({ kind, ...about }, approval) ?? []),
  ]
  return {
    view,
    messages,
    modals: [
      ...[drawFullText(view, console), drawDenyForm(view), drawNotice(approval.shown.reason ?? '')],
      ...[drawModifyForm(view)].filter((modal) => modal !== undefined),
    ],
  }
}

function expectSound(approval: Approval): void {
  const { messages, modals } = everythingOf(approval)
  for (const { text, blocks } of messages) {
    expect(lintBlocks(blocks)).toEqual([])
    expect(text).toMatch(/^[A-Za-z, ]+: apr_[0-9A-Z]{26}$|^News about apr_[0-9A-Z]{26}$/)
  }
  for (const modal of modals) expect(lintModal(modal)).toEqual([])
  for (const text of markupIn([messages, modals])) expect(text).toMatch(OUR_MARKUP)
}

const has = (drawn: unknown, actionId: string) => JSON.stringify(drawn).includes(`"${actionId}"`)
const read = (drawn: unknown) => textsIn(drawn).join('\n')

describe.each(Object.entries(HOSTILE_TEXTS))('%s', (_, text) => {
  test.each(['field', 'reason', 'effect', 'change'] as const)(
    'as the %s: seen in the message, or not approved with one click',
    (where) => {
      const approval = approvalWith(text, where)
      const { view, messages, modals } = everythingOf(approval)
      const [message] = messages
      const [fullText] = modals
      const place = placeOf(view)
      expect(has(message, 'countersign_approve')).toBe(place === 'message')
      expect(has(message, 'countersign_deny')).toBe(true)
      if (!text.includes(DANGER)) return
      if (place === 'message') expect(read(message?.blocks)).toContain(DANGER)
      if (place === 'modal') expect(read(fullText?.blocks).replaceAll('\n', '')).toContain(DANGER)
      expect(fullText?.submit !== undefined).toBe(place !== 'elsewhere')
    },
  )

  test('breaks no limit and reaches no markup, wherever it stands and whatever became of the request', () => {
    const vote = {
      ...{ person: 'p', subject: 's', name: text.slice(0, 300), verdict: 'deny' as const, via: 'slack' as const },
      ...{ reason: masked(text.slice(0, 2_000)), sets: ['dba'], at: 1 },
    }
    expectSound(approvalWith(text, 'everywhere'))
    expectSound(
      approvalWith(text, 'everywhere', { state: 'denied', votes: [vote, vote, vote, vote, vote, vote, vote] }),
    )
    expectSound(
      approvalWith(text, 'everywhere', {
        ...{ tool: text.slice(0, 200), connection: text.slice(0, 200), labels: { [text.slice(0, 50)]: text } },
        agent: { name: text, version: text },
        caller: { ...anApproval().caller, name: text, groups: { known: true, ids: [text, text] }, person: text },
      }),
    )
  })
})

test('the dangerous ones have no one-click approval', () => {
  const oneClick = Object.entries(HOSTILE_TEXTS).filter(
    ([, text]) => placeOf(reviewViewOf(approvalWith(text, 'field'))) === 'message',
  )
  expect(oneClick.map(([name]) => name).sort()).toEqual([
    'a code fence that ends early',
    'a date that speaks',
    'a link with another text',
    'a notice that nothing is missing',
    'emoji and markup',
    'markup that is escaped already',
    'mentions of everybody',
    'nothing',
    'nothing but blanks',
  ])
})

test('something hidden by masking is approved in the full text only', () => {
  const approval = approvalWith('UPDATE x', 'field')
  const [field] = approval.shown.fields
  const hidden = {
    ...approval,
    shown: { ...approval.shown, fields: [{ name: 'sql', text: masked('UPDATE [masked]'), masked: true }] },
  }
  expect(field?.masked).toBe(false)
  expect(placeOf(reviewViewOf(approval))).toBe('message')
  expect(placeOf(reviewViewOf(hidden))).toBe('modal')
  expect(read(drawRequest(reviewViewOf(hidden), nowhere).blocks)).toContain('parts are hidden')
})

test('five arguments are not all in the message, so one click does not approve them', () => {
  const fields = Array.from({ length: 5 }, (_, index) => ({ name: `a${index}`, text: masked('x'), masked: false }))
  const approval = anApproval({ shown: { ...anApproval().shown, fields } })
  expect(placeOf(reviewViewOf(approval))).toBe('modal')
  expect(read(drawFullText(reviewViewOf(approval), nowhere).blocks)).toContain('Request: a4')
})

test('whatever a text is: nothing of it is lost in the pieces of the modal, and an excerpt says what is missing', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.string({ unit: 'grapheme', maxLength: 400 }),
    fc
      .array(fc.constantFrom('a', '\n', ' ', '\t', '\u202e', '漢', '👩', '\ud800', '\r'), { maxLength: 3_000 })
      .map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(texts, fc.integer({ min: 2, max: 300 }), fc.integer({ min: 2, max: 40 }), (text, most, lines) => {
      const shown = visible(text)
      const pieces = piecesOf(shown, most)
      expect(pieces.join('')).toBe(shown)
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(most)
      const { complete, head, tail, left } = excerptOf(text, { characters: most, lines })
      expect(head.length + tail.length + left.characters).toBe(shown.length)
      expect(shown.startsWith(head) && shown.endsWith(tail)).toBe(true)
      expect(complete).toBe(left.characters === 0 && head === shown)
      expect(head.length + tail.length).toBeLessThanOrEqual(most)
    }),
    { numRuns: 300 },
  )
})

test('whatever stands in a request, no limit is broken and no markup reached', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 5_000 }),
    fc.string({ unit: 'grapheme', maxLength: 3_000 }),
  )
  fc.assert(
    fc.property(texts, (text) => expectSound(approvalWith(text, 'everywhere'))),
    { numRuns: 100 },
  )
})
