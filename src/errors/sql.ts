import type { ErrorRow } from './errorRow.ts'

/** `ERR_SQL_*`: `run_sql`. */
export const SQL_ERRORS = {
  ERR_SQL_TEXT: {
    status: 200,
    message: 'The SQL text is not well-formed.',
    next: 'Send plain UTF-8 text without NUL characters.',
  },
  ERR_SQL_TOO_LONG: {
    status: 200,
    message: 'The SQL text is too long.',
    next: 'Send a shorter statement; the limit is 64 KiB.',
  },
  ERR_SQL_SYNTAX: {
    status: 200,
    message: "PostgreSQL's parser does not accept the statement.",
    next: 'Correct the statement at the position named, and call again.',
  },
  ERR_SQL_TOO_COMPLEX: {
    status: 200,
    message: 'The statement is nested too deeply to be judged.',
    next: 'Write it flatter, or in smaller steps.',
  },
  ERR_SQL_STATEMENT_COUNT: {
    status: 200,
    message: 'A call takes exactly one SQL statement.',
    next: 'Send one statement for each call, or all of them with script: true, to run in one transaction.',
  },
  ERR_SQL_SCRIPT_SIZE: {
    status: 200,
    message: 'A script takes 1 to 100 SQL statements.',
    next: 'Send as many statements as that, each ended by a semicolon.',
  },
  ERR_SQL_NOT_UNDERSTOOD: {
    status: 200,
    message: 'The statement contains something that cannot be judged, so it is refused.',
    next: 'Write it without the construct named.',
  },
  ERR_SQL_PARAMS: {
    status: 200,
    message: 'The parameters do not fit the statement.',
    next: 'Give one JSON scalar for each of $1, $2, ... in params.',
  },
  ERR_SQL_FAILED: {
    status: 200,
    message: 'PostgreSQL answered with an error; nothing was changed.',
    next: 'Read the detail, correct the statement, and call again.',
  },
  ERR_SQL_TIMEOUT: {
    status: 200,
    message: 'The statement took longer than the connection allows; nothing was changed.',
    next: 'Ask for less: narrow the WHERE, or split the work.',
  },
  ERR_SQL_LOCKED: {
    status: 200,
    message: 'The statement waited too long for a lock; nothing was changed.',
    next: 'Call again later.',
  },
  ERR_SQL_RESULT_TOO_LARGE: {
    status: 200,
    message: 'The result is larger than the connection allows, so it was cut off and thrown away.',
    next: 'Select fewer or smaller columns, or fewer rows.',
  },
  ERR_SQL_MAX_ROWS: {
    status: 200,
    message: 'The statement changed more rows than were approved, so it was rolled back; nothing was changed.',
    next: 'Narrow the WHERE, or ask for approval of the larger change.',
  },
  ERR_SQL_MAX_ROWS_UNKNOWN: {
    status: 200,
    message:
      'The rows this statement changes cannot be counted, so it cannot be held to a row limit; nothing was changed.',
    next: 'Use DELETE or UPDATE, or have it approved under a rule without maxRows.',
  },
  ERR_SQL_CHANGED: {
    status: 200,
    message: 'Something the statement uses was redefined after it was judged; nothing was changed.',
    next: 'Call again, so that it is judged as things are now.',
  },
  ERR_SQL_SCRIPT_CHANGED: {
    status: 200,
    message:
      'After the statements before it, a statement of the script would do more than was approved; nothing was changed.',
    next: 'Send what stands before it as one call, and the rest as another, so that it is judged as things are then.',
  },
  ERR_SQL_ROLE: {
    status: 200,
    message: 'The connection has no role for this kind of statement.',
    next: 'Ask an operator to configure one.',
  },
  ERR_SQL_PROTECTED_COLUMN: {
    status: 200,
    message: 'A protected column of the connection does not exist, so nothing can be judged.',
    next: 'Tell an operator to correct `protect`; nothing was executed.',
  },
  ERR_SQL_SERVER: {
    status: 200,
    message: 'The database server is not one that statements can be judged for.',
    next: 'Tell an operator; nothing was executed.',
  },
} as const satisfies Record<string, ErrorRow>
