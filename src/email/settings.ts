import * as z from 'zod'
import { secretReference } from '../settings/secretReference.ts'

const address = z.email('expected a plain address such as dba@corp.example').max(254)

/** What a mail can be about, as webhooks name it. Anything else than the first is a reply to it. */
const emailEvent = z.enum([
  'approval.requested',
  'approval.voted',
  'approval.decided',
  'approval.expired',
  'approval.withdrawn',
  'approval.modified',
  'approval.escalated',
  'approval.settled',
])

const smtp = z
  .strictObject({
    host: z.string().min(1).max(253),
    /** 587 with starttls, 465 with implicit, 25 without. */
    port: z.int().min(1).max(65535).optional(),
    /** `none` is accepted for loopback hosts only: a relay on this machine. */
    tls: z.enum(['starttls', 'implicit', 'none']).default('starttls'),
    /** PEM file of the authority; the system's authorities when absent. */
    ca: z.string().min(1).optional(),
    user: z.string().min(1).max(254).optional(),
    password: secretReference.optional(),
  })
  .refine(({ tls, host }) => tls !== 'none' || isLoopback(host), {
    path: ['tls'],
    message: 'plaintext is accepted for loopback hosts only: use starttls or implicit',
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    path: ['user'],
    message: 'user and password belong together',
  })

/** `approvals.email`: people who are told of requests by mail. A mail tells; nothing in it decides. */
export const emailSettings = z.strictObject({
  smtp,
  from: address,
  /** Addresses for each reviewer set; a set without any gets no mail. */
  to: z
    .record(z.string().min(1).max(80), z.array(address).min(1).max(50))
    .refine((to) => Object.keys(to).length > 0, 'name at least one reviewer set'),
  /** `summary`: who, where, which tool, and a link. `full`: the whole request as well. Mail is kept in many places. */
  content: z.enum(['summary', 'full']).default('summary'),
  events: z
    .array(emailEvent)
    .min(1)
    .default(['approval.requested', 'approval.decided', 'approval.expired', 'approval.modified', 'approval.escalated']),
})

export type EmailSettings = z.output<typeof emailSettings>

export function portOf({ port, tls }: EmailSettings['smtp']): number {
  return port ?? { starttls: 587, implicit: 465, none: 25 }[tls]
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
