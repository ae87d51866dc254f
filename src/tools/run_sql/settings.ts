import * as z from 'zod'
import { secretReference } from '../../settings/secretReference.ts'
import { byteSize, duration } from '../../settings/units.ts'

const login = z.strictObject({ user: z.string().min(1).max(63), password: secretReference })

const protectedColumn = z
  .string()
  .regex(/^[^.\s]+(\.[^.\s]+){1,2}$/, 'a column as table.column (schema public) or schema.table.column')

const functionName = z.string().regex(/^[^.\s]+\.[^.\s]+$/, 'a function as schema.name')

/** One entry of `connections:` with `type: postgres`. */
export const postgresConnection = z
  .strictObject({
    type: z.literal('postgres'),
    host: z.string().min(1).max(253),
    port: z.int().min(1).max(65_535).default(5432),
    database: z.string().min(1).max(63),
    /** Plain text is accepted for loopback targets only. */
    tls: z
      .strictObject({
        mode: z.enum(['disable', 'require', 'verify-full']).default('verify-full'),
        ca: z.string().min(1).optional(),
      })
      .prefault({}),
    read: login,
    /** Absent: the connection is for reading only. */
    write: login.optional(),
    limits: z
      .strictObject({
        statementTimeout: duration.default(30_000),
        maxRows: z.int().min(1).max(100_000).default(1000),
        maxBytes: byteSize.default(1024 ** 2),
      })
      .prefault({}),
    protect: z.array(protectedColumn).default([]),
    predicates: z.enum(['deny', 'approve', 'equality', 'allow']).default('approve'),
    trustedFunctions: z.array(functionName).default([]),
    labels: z.record(z.string().min(1), z.string()).default({}),
  })
  .refine(({ host, tls }) => tls.mode !== 'disable' || isLoopback(host), {
    path: ['tls', 'mode'],
    message: 'plain text is accepted for loopback targets only; use verify-full',
  })

export type PostgresConnection = z.infer<typeof postgresConnection>

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
