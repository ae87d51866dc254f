import { readFile } from 'node:fs/promises'
import type { ReadSecret } from '../settings/secretReference.ts'
import { type EmailSettings, portOf } from './settings.ts'

/** Connecting, each answer of the server, and one mail from its first to its last byte. */
const CONNECT_MS = 10_000
const SILENCE_MS = 15_000
const WHOLE_MS = 45_000

/** A mail was not taken. Holds nothing the server said: an answer may repeat what was sent. */
export class EmailProblem extends Error {
  override readonly name = 'EmailProblem'
  /** It is about this mail, and another try would be refused as well (RFC 5321, section 4.2.1: 5yz). */
  readonly permanent: boolean

  constructor(message: string, permanent: boolean) {
    super(message)
    this.permanent = permanent
  }
}

export interface OutgoingEmail {
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  /** RFC 5322, section 3.6.4, without the angle brackets. The same on every try. */
  readonly messageId: string
  readonly inReplyTo: string | undefined
}

/**
 * Sends one mail through a connection of its own: mails are rare, and the credential is read anew for each, so that a
 * rotated one is in use at once. Answers how many of the recipients were refused. Throws EmailProblem.
 */
export async function sendEmail(
  { smtp, from }: Pick<EmailSettings, 'smtp' | 'from'>,
  email: OutgoingEmail,
  readSecret: ReadSecret,
): Promise<{ readonly refused: number }> {
  // Loaded when it is configured, and not before.
  const { createTransport } = await import('nodemailer')
  const pass = smtp.password === undefined ? undefined : await readSecret(smtp.password)
  const transport = createTransport({
    host: smtp.host,
    port: portOf(smtp),
    secure: smtp.tls === 'implicit',
    requireTLS: smtp.tls === 'starttls',
    ignoreTLS: smtp.tls === 'none',
    ...(pass !== undefined && { auth: { user: smtp.user ?? '', pass } }),
    tls: { minVersion: 'TLSv1.2', ...(smtp.ca !== undefined && { ca: await readFile(smtp.ca, 'utf8') }) },
    ...{ connectionTimeout: CONNECT_MS, greetingTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  })
  let timer: NodeJS.Timeout | undefined
  const tooSlow = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new EmailProblem('the mail server is too slow', false)), WHOLE_MS)
  })
  try {
    const sent = transport.sendMail({
      from: { name: 'Countersign', address: from },
      to: [...email.to],
      subject: email.subject,
      text: email.text,
      messageId: `<${email.messageId}>`,
      ...(email.inReplyTo !== undefined && {
        inReplyTo: `<${email.inReplyTo}>`,
        references: [`<${email.inReplyTo}>`],
      }),
      // RFC 3834: no vacation message comes back.
      headers: { 'Auto-Submitted': 'auto-generated' },
    })
    // The loser of the race must not become an unhandled rejection.
    sent.catch(() => undefined)
    const { rejected } = await Promise.race([sent, tooSlow])
    return { refused: rejected.length }
  } catch (error) {
    throw error instanceof EmailProblem ? error : problemOf(error)
  } finally {
    clearTimeout(timer)
    transport.close()
  }
}

function problemOf(error: unknown): EmailProblem {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown }
  const status = typeof responseCode === 'number' ? responseCode : undefined
  if (code === 'EAUTH') return new EmailProblem('the mail server refused the credential', false)
  if (code === 'ETLS' || (code === 'ESOCKET' && status === undefined)) {
    return new EmailProblem('no trusted connection to the mail server can be made', false)
  }
  if (code === 'EENVELOPE' || code === 'EMESSAGE') {
    const said = status === undefined ? '' : ` (${status})`
    return new EmailProblem(`the mail server refused the mail${said}`, (status ?? 0) >= 500)
  }
  return new EmailProblem('the mail server cannot be reached', false)
}
