import type { ApprovalGate } from '../approvals/clearance.ts'
import { handleApprovalsApi } from '../approvals/handleApprovalsApi.ts'
import type { LookUpGroups } from '../approvals/membership.ts'
import type { ReviewDesk } from '../approvals/reviewDesk.ts'
import type { Trail } from '../audit/trail.ts'
import { ERRORS, GateError } from '../errors.ts'
import type { ReviewerVerifier } from '../identity/createReviewerVerifier.ts'
import type { Masker } from '../masking/masker.ts'
import { maskFreeText } from '../masking/maskText.ts'
import type { JsonRoute } from '../mcp/createHttpServer.ts'

interface ReviewParts {
  readonly approvals: ApprovalGate
  readonly trail: Trail
  readonly reviewers: ReviewerVerifier
  readonly lookUpGroups: LookUpGroups
  readonly masker: Masker
  readonly nameGroup: (id: string) => string
  /** Counts a refusal before the reviewer is known. */
  readonly countRefusal: (address: string, error: GateError) => void
}

/** `/api/approvals`: reviewers, by the tokens of the reviewer app. A token that calls tools never passes here. */
export function reviewRoute(parts: ReviewParts): JsonRoute {
  const { approvals, trail, reviewers, lookUpGroups, masker, nameGroup, countRefusal } = parts
  const desk: ReviewDesk = {
    store: approvals.store,
    rules: approvals.rules,
    lookUpGroups,
    recordEvent: approvals.recordEvent,
    clock: approvals.clock,
    maskText: (text) => maskFreeText(text, masker),
    nameGroup,
    async recordVoteRefused({ approvalId, reviewer, verdict, code }) {
      const by = { provider: reviewer.provider, oid: reviewer.subject, name: reviewer.name }
      await trail.append({ event: 'approval.vote_refused', approval: approvalId, by, via: 'api', vote: verdict, code })
    },
  }
  return {
    matches: (path) => path === '/api/approvals' || path.startsWith('/api/approvals/'),
    async handle({ method, path, query, body, credential, address }) {
      try {
        if (credential === undefined) throw new GateError('ERR_TOKEN_MISSING')
        const reviewer = await reviewers.verify(credential)
        const { status, json } = await handleApprovalsApi({ method, path, query, body, reviewer }, desk)
        return { status, body: json }
      } catch (error) {
        if (!(error instanceof GateError)) throw error
        countRefusal(address, error)
        const { status, next } = ERRORS[error.code]
        return { status, body: { error: { code: error.code, message: error.message, next } } }
      }
    },
  }
}
