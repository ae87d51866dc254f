import * as z from 'zod'
import { secretReference } from '../settings/secretReference.ts'

/** What a receiver can be told of, as `type` of the payload names it. */
export const webhookEvent = z.enum([
  'approval.requested',
  'approval.voted',
  'approval.decided',
  'approval.modified',
  'approval.escalated',
  'approval.expired',
  'approval.withdrawn',
  'approval.settled',
])

const receiver = z.strictObject({
  /** https. Plain http for a loopback address, with insecureLoopback. */
  url: z
    .string()
    .max(2_000)
    .refine(isReceiverUrl, 'expected an https URL without user and fragment (plain http for loopback addresses only)'),
  /** `whsec_` and the base64 of 24 to 64 random bytes. Who knows it can forge messages to this receiver. */
  secret: secretReference,
  /** Absent: everything. */
  events: z.array(webhookEvent).min(1).optional(),
})

/** `approvals.webhooks`: programs that are told of approvals. They are told; they cannot decide. */
export const webhookSettings = z
  .array(receiver)
  .max(20)
  .superRefine((receivers, context) => {
    const urls = receivers.map(({ url }) => (URL.canParse(url) ? new URL(url).href : url))
    for (const [index, url] of urls.entries()) {
      if (urls.indexOf(url) === index) continue
      context.addIssue({ code: 'custom', path: [index, 'url'], message: 'this receiver is listed already' })
    }
  })

export type WebhookSettings = z.infer<typeof receiver>

function isReceiverUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password, hash } = new URL(text)
  if (username + password + hash !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
