import { expect, test } from 'vitest'
import type { Action, ApprovalTerms, Decision } from '../../src/call.ts'
import { isStricter } from '../../src/policy/isStricter.ts'

const TERMS: ApprovalTerms = { reviewers: ['dba'], ttlMs: 60_000, preview: 'wanted', maxRows: 100, reason: 'optional' }

const decision = (action: Action, terms: Partial<ApprovalTerms> = {}): Decision => ({
  action,
  verdicts: [],
  approval: action === 'require-approval' ? { ...TERMS, ...terms } : undefined,
  record: false,
  charges: [],
  policyVersion: 'v',
})
const gated = (terms: Partial<ApprovalTerms> = {}) => decision('require-approval', terms)

test.each([
  ['a gate became a denial', gated(), decision('deny'), true],
  ['an allow became a gate', decision('allow'), gated(), true],
  ['a gate became an allow', gated(), decision('allow'), false],
  ['nothing changed', gated(), gated(), false],
  ['another set must agree as well', gated(), gated({ reviewers: ['dba', 'two-dbas'] }), true],
  ['another set must agree instead', gated(), gated({ reviewers: ['two-dbas'] }), true],
  ['one set less must agree', gated({ reviewers: ['dba', 'platform'] }), gated(), false],
  ['nobody can approve any more', gated(), gated({ reviewers: [] }), true],
  ['fewer rows', gated(), gated({ maxRows: 99 }), true],
  ['a row limit where there was none', gated({ maxRows: undefined }), gated(), true],
  ['more rows', gated(), gated({ maxRows: 101 }), false],
  ['no row limit any more', gated(), gated({ maxRows: undefined }), false],
  ['a shorter life', gated(), gated({ ttlMs: 59_999 }), true],
  ['a preview is required', gated(), gated({ preview: 'required' }), true],
  ['a preview is required no more', gated({ preview: 'required' }), gated(), false],
  ['a reason is required', gated(), gated({ reason: 'required' }), true],
  ['terms are missing', { ...gated(), approval: undefined }, gated(), true],
])('%s', (_, before, now, stricter) => {
  expect(isStricter(before, now)).toBe(stricter)
})
