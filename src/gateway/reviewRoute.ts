import { handleApprovalsApi } from '../approvals/handleApprovalsApi.ts'
import type { ReviewDesk } from '../approvals/reviewDesk.ts'
import { ERRORS, GateError } from '../errors.ts'
import type { ReviewerVerifier } from '../identity/createReviewerVerifier.ts'
import type { JsonRoute } from '../mcp/createHttpServer.ts'

interface ReviewParts {
  readonly desk: ReviewDesk
  readonly reviewers: ReviewerVerifier
  /** Counts a refusal before the reviewer is known. */
  readonly countRefusal: (address: string, error: GateError) => void
}

/** `/api/approvals`: reviewers, by the tokens of the reviewer app. A token that calls tools never passes here. */
export function reviewRoute({ desk, reviewers, countRefusal }: ReviewParts): JsonRoute {
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
