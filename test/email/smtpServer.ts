import { SMTPServer } from 'smtp-server'

export interface ReceivedEmail {
  readonly from: string
  readonly to: readonly string[]
  /** As it went over the wire. */
  readonly raw: string
  readonly user: string | undefined
}

/** What the server does with a mail. */
type Behaviour = 'accept' | 'refuse' | 'later' | 'hang' | { readonly refuseTo: string }

export interface SmtpStandIn {
  readonly port: number
  readonly received: ReceivedEmail[]
  behave(next: Behaviour): void
  /** From now on only this password is right. */
  expectPassword(password: string): void
  close(): Promise<void>
}

interface Options {
  readonly password?: string
  /** Offers STARTTLS with a certificate that nobody trusts. */
  readonly tls?: boolean
  readonly port?: number
}

/** A real SMTP server on loopback that keeps what it takes. */
export async function startSmtpServer({ password, tls = false, port = 0 }: Options = {}): Promise<SmtpStandIn> {
  const received: ReceivedEmail[] = []
  let behaviour: Behaviour = 'accept'
  let right = password
  const server = new SMTPServer({
    authOptional: password === undefined,
    disabledCommands: [...(tls ? [] : ['STARTTLS']), ...(password === undefined ? ['AUTH'] : [])],
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) =>
      auth.password === right ? done(null, { user: auth.username ?? '' }) : done(new Error('no such user')),
    onRcptTo({ address }, _session, done) {
      if (typeof behaviour === 'object' && behaviour.refuseTo === address) return done(coded('no such mailbox', 550))
      done()
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        if (behaviour === 'hang') return
        if (behaviour === 'refuse') return done(coded('content not allowed', 554))
        if (behaviour === 'later') return done(coded('try again later', 451))
        received.push({
          from: session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address,
          to: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString('utf8'),
          user: session.user,
        })
        done()
      })
    },
  })
  // Connections that a test breaks off are what the test is about.
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()))
  const address = server.server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    received,
    behave(next) {
      behaviour = next
    },
    expectPassword(next) {
      right = next
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function coded(message: string, responseCode: number): Error {
  return Object.assign(new Error(message), { responseCode })
}
