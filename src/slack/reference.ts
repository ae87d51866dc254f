import type { Approval } from '../approvals/approval.ts'
import { isApprovalId } from '../approvals/isApprovalId.ts'

/** What a button carries: a name and a check, no authority. All of that is in the store. */
export interface Reference {
  readonly approvalId: string
  /** The beginning of the digest of what was shown. */
  readonly digestPrefix: string
}

const PREFIX = 32
const VALUE = /^\{"id":"([^"]{30})","d":"([0-9a-f]{32})"\}$/

export function buttonValue({ id, digest }: Pick<Approval, 'id' | 'digest'>): string {
  return JSON.stringify({ id, d: prefixOf(digest) })
}

/** Undefined for anything that we did not write. */
export function readReference(value: unknown): Reference | undefined {
  const match = typeof value === 'string' ? VALUE.exec(value) : null
  const [, approvalId = '', digestPrefix = ''] = match ?? []
  return isApprovalId(approvalId) ? { approvalId, digestPrefix } : undefined
}

/** Whether the button belongs to what is stored now. */
export function refersTo({ approvalId, digestPrefix }: Reference, approval: Approval): boolean {
  return approval.id === approvalId && prefixOf(approval.digest) === digestPrefix
}

function prefixOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, PREFIX)
}
