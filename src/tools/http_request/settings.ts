import * as z from 'zod'
import { GateError } from '../../errors.ts'
import { secretReference } from '../../settings/secretReference.ts'
import { byteSize, duration } from '../../settings/units.ts'
import { kindsAllowed } from './addressKind.ts'
import { POINTER_RULE } from './findPointers.ts'
import { HEADER_NAME, holdsCredential, isFraming, isRefusedFromCallers } from './headerNames.ts'
import { normalizePath } from './normalizePath.ts'

export const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export type Method = (typeof METHODS)[number]

/** `Authorization` and `authorization` are one header: names are kept in lower case. */
const headerName = z
  .string()
  .transform((name) => name.toLowerCase())
  .refine((name) => HEADER_NAME.test(name), 'a header name of letters, digits and "-"')

/** RFC 9110, 5.5, without what some servers end a header at. */
const plainValue = z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?$/, 'one line of ASCII text')

const heldHeaders = z
  .record(
    // Anything that has only an `env` or a `file` is a reference to a secret, also where a header was meant.
    z
      .string()
      .refine((name) => HEADER_NAME.test(name.toLowerCase()), 'a header name of letters, digits and "-"')
      .refine((name) => !['env', 'file'].includes(name.toLowerCase()), 'a header cannot have this name')
      .refine((name) => !isFraming(name.toLowerCase()), 'the gateway writes this header itself'),
    z.union([secretReference, plainValue]),
  )
  .refine(
    (headers) => new Set(Object.keys(headers).map((name) => name.toLowerCase())).size === Object.keys(headers).length,
    {
      message: 'a header is named twice, in upper and lower case',
    },
  )
  .refine(
    (headers) =>
      Object.entries(headers).every(
        ([name, value]) => typeof value !== 'string' || !holdsCredential(name.toLowerCase()),
      ),
    { message: 'a header that holds a credential is a reference, never the value: { env: NAME } or { file: PATH }' },
  )

/**
 * A connection of `type: http`: a base URL, and headers that the server holds. Callers reach what is below the base, and
 * nothing else at any address that is not the host's own.
 */
export const httpConnection = z
  .strictObject({
    type: z.literal('http'),
    /** `https:`, or `http:` to a loopback host. Without query, fragment and user. */
    baseUrl: z.string().superRefine(checkBaseUrl),
    /** Sent with every request and never shown. What is secret in them is a reference to the whole value. */
    headers: heldHeaders.default({}),
    /** Headers that callers may set. */
    allowHeaders: z
      .array(headerName.refine((name) => !isRefusedFromCallers(name), 'callers can never set this header'))
      .default(['accept', 'accept-language', 'content-type', 'if-match', 'if-none-match']),
    /** Headers of answers that callers see, beside content-type, etag, location, retry-after and x-request-id. */
    showHeaders: z.array(headerName.refine((name) => !holdsCredential(name), 'this header is never shown')).default([]),
    /** Methods that change nothing at this target. Others are writes: an unknown outcome is never repeated. */
    readMethods: z.array(z.enum(METHODS)).default(['GET', 'HEAD', 'OPTIONS']),
    /** The header in which a caller's `idempotency_key` is passed on. */
    idempotencyHeader: headerName
      .refine(
        (name) => !isFraming(name) && !holdsCredential(name.replace(/-key$/, '')),
        'not a header for idempotency keys',
      )
      .default('idempotency-key'),
    /** Members of JSON answers to hide: pointers in which `*` is any key or index and `**` any depth: /users/{*}/email. */
    mask: z
      .array(z.string().max(512).regex(POINTER_RULE, 'a JSON pointer such as /users/*/email or /**/email'))
      .default([]),
    /** Addresses of private networks are the host's own too. Loopback ones only are for a loopback base URL. */
    allowPrivate: z.boolean().default(false),
    tls: z
      .strictObject({
        /** PEM file of the authority; the system's authorities when absent. */
        ca: z.string().min(1).optional(),
      })
      .prefault({}),
    limits: z
      .strictObject({
        /** For a whole request: connecting, sending, and reading the answer. */
        timeout: duration.default(30_000),
        /** Bytes of an answer that reach the agent, after masking. */
        maxBytes: byteSize.default(1024 ** 2),
        /** Bytes of the body that a caller sends. */
        maxRequestBytes: byteSize.default(64 * 1024),
        /** Open connections for reads; further reads wait. */
        maxConnections: z.int().min(1).max(100).default(8),
      })
      .prefault({}),
    labels: z.record(z.string().min(1).max(63), z.string().max(63)).default({}),
  })
  .refine(
    ({ headers, allowHeaders }) => !Object.keys(headers).some((name) => allowHeaders.includes(name.toLowerCase())),
    { path: ['allowHeaders'], message: 'callers cannot set a header that the connection holds' },
  )

export type HttpConnection = z.output<typeof httpConnection>

function checkBaseUrl(written: string, context: z.RefinementCtx): void {
  const problem = baseUrlProblem(written)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
}

function baseUrlProblem(written: string): string | undefined {
  if (!URL.canParse(written)) return 'a URL such as https://deploy.internal/api/'
  const { protocol, hostname, pathname } = new URL(written)
  if (protocol !== 'https:' && protocol !== 'http:') return 'an https: URL'
  if (written.includes('@')) return 'credentials belong into `headers`, as references'
  if (/[?#]/.test(written)) return 'a base URL has neither query nor fragment'
  if (hostname.endsWith('.')) return 'a host without a dot at its end'
  const kinds = kindsAllowed(hostname, false)
  if (kinds.length === 0) return 'no connection leads to this address: it is link-local, for metadata, or reserved'
  if (protocol === 'http:' && !kinds.includes('loopback')) {
    return 'plain http is accepted for loopback hosts only: use https'
  }
  try {
    return normalizePath(pathname).sent === pathname ? undefined : 'write the path in its plain form'
  } catch (error) {
    return `the path is not plain: ${error instanceof GateError ? error.detail : ''}`
  }
}
