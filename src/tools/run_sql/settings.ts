import * as z from 'zod'
import { secretReference } from '../../settings/secretReference.ts'
import { byteSize, duration } from '../../settings/units.ts'

const credential = z.strictObject({
  user: z.string().min(1).max(63),
  /** Absent only where the server asks for none, which is a loopback server of the operator's own. */
  password: secretReference.optional(),
})

/** `users.email`, `public.users.email`: a table without a schema is in `public`. Quoting is not written. */
const columnName = z.string().regex(/^([^.\s]+\.){1,2}[^.\s]+$/, 'a column as table.column or schema.table.column')

/** `public.slugify`: a function of that schema and name, whatever its arguments. */
const functionName = z.string().regex(/^[^.\s]+\.[^.\s]+$/, 'a function as schema.function')

/**
 * A connection of `type: postgres`. The roles are the real limit of what can happen: `read` needs SELECT and TEMP,
 * `write` what policy may ever allow. Without `write` nothing can be changed.
 */
export const postgresConnection = z
  .strictObject({
    type: z.literal('postgres'),
    host: z.string().min(1).max(253),
    port: z.int().min(1).max(65535).default(5432),
    database: z.string().min(1).max(63),
    tls: z
      .strictObject({
        /** `require` encrypts without checking who answers; `verify-full` checks the certificate and its name. */
        mode: z.enum(['disable', 'require', 'verify-full']),
        /** PEM file of the authority; the system's authorities when absent. */
        ca: z.string().min(1).optional(),
      })
      .optional(),
    read: credential,
    write: credential.optional(),
    limits: z
      .strictObject({
        /** For each statement, on the server. */
        statementTimeout: duration.default(30_000),
        /** Rows of a result that reach the agent. */
        maxRows: z.int().min(1).max(100_000).default(1_000),
        /** Bytes of a result that reach the agent, after masking. */
        maxBytes: byteSize.default(1024 ** 2),
        /** Open sessions for each role. */
        maxSessions: z.int().min(1).max(100).default(8),
      })
      .prefault({}),
    /** Schemas in which unqualified names are looked up; the same for judging and running. */
    searchPath: z
      .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_$]{0,62}$/, 'a schema name'))
      .min(1)
      .default(['public']),
    protect: z.array(columnName).default([]),
    /** What becomes of a statement that uses a protected column in WHERE, ORDER BY, GROUP BY or a join. */
    predicates: z.enum(['deny', 'approve', 'equality', 'allow']).default('approve'),
    trustedFunctions: z.array(functionName).default([]),
    labels: z.record(z.string().min(1).max(63), z.string().max(63)).default({}),
  })
  .transform((settings) => ({
    ...settings,
    tls: settings.tls ?? { mode: isLoopback(settings.host) ? ('disable' as const) : ('verify-full' as const) },
  }))
  .refine((settings) => settings.tls.mode !== 'disable' || isLoopback(settings.host), {
    path: ['tls', 'mode'],
    message: 'plaintext is accepted for loopback hosts only: use verify-full (or require)',
  })

export type PostgresConnection = z.output<typeof postgresConnection>

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
