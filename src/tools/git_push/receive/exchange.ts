import type { Readable, Writable } from 'node:stream'

export type Service = 'git-receive-pack' | 'git-upload-pack'

/** One request of a git client over smart HTTP, by a caller who is verified and may know the connection. */
export interface GitExchange {
  readonly service: Service
  /** `refs`: what is there (GET info/refs). `pack`: the exchange of objects (POST). */
  readonly step: 'refs' | 'pack'
  /** The `Git-Protocol` header. */
  readonly protocol: string | undefined
  /** The body, unzipped. */
  readonly body: Readable
  /** Sends the status line and headers; what is written then is the answer. Once. */
  begin(headers: Readonly<Record<string, string>>): Writable
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal
}

/** What one push of an agent did to its branches here. */
export interface ReceivedRef {
  readonly ref: string
  readonly from: string
  readonly to: string
}
