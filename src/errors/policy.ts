import type { ErrorRow } from './errorRow.ts'

/** Configuration and policy. */
export const POLICY_ERRORS = {
  ERR_CONFIG: { status: 500, message: 'The configuration is not valid.', next: 'Correct the file at the place named.' },
  ERR_SECRET: {
    status: 503,
    message: 'A secret that the configuration refers to cannot be read.',
    next: 'Tell an operator; call again when it is repaired. Nothing was executed.',
  },
  ERR_LISTEN: {
    status: 500,
    message: 'The address to listen on cannot be used.',
    next: 'Stop the other program, or choose another address in server.listen (demo: --port).',
  },
  ERR_CONNECTION_UNKNOWN: {
    status: 200,
    message: 'No connection of that name is open to this caller.',
    next: 'Call list_connections and use a name from it.',
  },
  ERR_POLICY_DENIED: {
    status: 200,
    message: 'Policy does not allow this call.',
    next: 'Do not repeat it unchanged; the reasons say what would have to differ.',
  },
  ERR_POLICY_RATE: {
    status: 200,
    message: 'The rule for this call has been used as often as it may be for now.',
    next: 'Call again after retry_after_seconds. Nothing has run.',
  },
} as const satisfies Record<string, ErrorRow>
