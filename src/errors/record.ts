import type { ErrorRow } from './errorRow.ts'

/** Masking, the trail, and what nobody expected. */
export const RECORD_ERRORS = {
  ERR_PLACEHOLDER: {
    status: 200,
    message: 'An argument contains a masking placeholder where a value belongs.',
    next: 'A masked value cannot be used; select what is meant by something that is not masked.',
  },
  ERR_MASKING: {
    status: 200,
    message: 'The output could not be masked, so it was withheld.',
    next: 'Tell an operator the call id.',
  },
  ERR_AUDIT: {
    status: 503,
    message: 'The trail cannot be written, so nothing runs.',
    next: 'Tell an operator; call again when the gateway is ready.',
  },
  ERR_AUDIT_OUTCOME: {
    status: 200,
    message: 'The call ran, but its outcome could not be written to the trail, so the output is withheld.',
    next: 'Do not repeat it; tell an operator the call id.',
  },
  ERR_INTERNAL: { status: 500, message: 'Internal error.', next: 'Tell an operator the call id.' },
} as const satisfies Record<string, ErrorRow>
