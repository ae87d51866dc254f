import type { Client, Pool } from 'undici'
import { GateError } from '../../errors.ts'
import { settingsOf } from '../settingsOf.ts'
import type { ToolParts } from '../tool.ts'
import { createConnector, type LookUpAddresses } from './createConnector.ts'
import { readHeldHeaders } from './heldHeaders.ts'
import type { HeaderPairs } from './readHeaders.ts'
import type { HttpConnection } from './settings.ts'

/** A connection at work: its sockets, and the headers that the server holds for it. */
export interface Target {
  readonly settings: HttpConnection
  headers(): Promise<HeaderPairs>
  /** Reads them anew. Answers whether any is different now. */
  refreshHeaders(): Promise<boolean>
  /** Connections that reads share, one request at a time on each. */
  readers(): Promise<Pool>
  /** A connection for one write: on one that was idle nobody could tell a lost write from one that never left. */
  openWriter(): Promise<Client>
}

/** The targets of all connections, as the configuration of this moment describes them. */
export interface Targets {
  settings(connectionName: string): HttpConnection
  /** @throws GateError ERR_CONNECTION_UNKNOWN; ERR_HTTP_CHANGED when a reload changed what a call was judged by */
  target(connectionName: string, judgedBy: HttpConnection): Target
  reconnect(): void
  close(): Promise<void>
}

interface OpenTarget extends Target {
  /** `close` lets running reads end first. */
  end(how: 'close' | 'destroy'): Promise<void>
}

/** An idle connection is not kept longer: names may lead elsewhere by then. */
const KEEP_ALIVE_MS = 4_000
const MAX_HEADER_BYTES = 32 * 1024

export function openTargets(
  { connections, readSecret, alsoSecret }: ToolParts<HttpConnection>,
  lookUp: LookUpAddresses,
): Targets {
  const open = new Map<string, OpenTarget>()
  const settings = (name: string): HttpConnection => settingsOf(connections(), name)
  const endAll = async (how: 'close' | 'destroy') => {
    const all = [...open.values()]
    open.clear()
    await Promise.all(all.map(({ end }) => end(how)))
  }
  return {
    settings,
    target(name, judgedBy) {
      const wanted = settings(name)
      if (JSON.stringify(judgedBy) !== JSON.stringify(wanted)) throw new GateError('ERR_HTTP_CHANGED')
      const entry = open.get(name)
      if (entry !== undefined && JSON.stringify(entry.settings) === JSON.stringify(wanted)) return entry
      void entry?.end('close')
      const target = openTarget(wanted, { readSecret, alsoSecret, lookUp })
      open.set(name, target)
      return target
    },
    reconnect: () => void endAll('close'),
    close: () => endAll('destroy'),
  }
}

function openTarget(
  settings: HttpConnection,
  {
    readSecret,
    alsoSecret,
    lookUp,
  }: Pick<ToolParts<HttpConnection>, 'readSecret' | 'alsoSecret'> & { lookUp: LookUpAddresses },
): OpenTarget {
  const { origin } = new URL(settings.baseUrl)
  let held: Promise<HeaderPairs> | undefined
  let pool: Promise<Pool> | undefined
  const read = () => {
    const reading = readHeldHeaders(settings.headers, readSecret, alsoSecret)
    held = reading
    // What could not be read is tried again by the next call.
    reading.catch(() => {
      if (held === reading) held = undefined
    })
    return reading
  }
  const options = async () => ({
    connect: await createConnector(settings, lookUp),
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // The deadline of the whole request is kept by its signal.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const openPool = async () => {
    const { Pool } = await import('undici')
    return new Pool(origin, { ...(await options()), connections: settings.limits.maxConnections })
  }
  return {
    settings,
    headers: () => held ?? read(),
    async refreshHeaders() {
      const before = JSON.stringify(await (held ?? []))
      return JSON.stringify(await read()) !== before
    },
    readers() {
      if (pool === undefined) {
        const opening = openPool()
        pool = opening
        opening.catch(() => {
          if (pool === opening) pool = undefined
        })
      }
      return pool
    },
    async openWriter() {
      const { Client } = await import('undici')
      return new Client(origin, await options())
    },
    async end(how) {
      const ending = pool
      pool = undefined
      await ending?.then((open) => open[how]()).catch(() => undefined)
    },
  }
}
