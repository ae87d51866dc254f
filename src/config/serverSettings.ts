import * as z from 'zod'

const hostname = z
  .string()
  .regex(
    /^([A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,20}|\[[0-9A-Fa-f:]+\])$/,
    'a host name without scheme, port or path',
  )
  .toLowerCase()

/** `127.0.0.1:8787` or `[::1]:8787`. A host name would be looked up, and could become another address. */
const listen = z
  .string()
  .regex(
    /^((\d{1,3}\.){3}\d{1,3}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/,
    'an address and port such as 127.0.0.1:8787 or [::1]:8787',
  )
  .transform((text) => {
    const colon = text.lastIndexOf(':')
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
  })
  .refine(({ port }) => port >= 1 && port <= 65_535, 'expected a port from 1 to 65535')

const publicUrl = z
  .string()
  .refine(isPlainUrl, 'expected a URL such as https://gate.corp.example/mcp, without user, query or fragment')

/** The `server:` part of countersign.yaml. */
export const serverSettings = z.strictObject({
  listen: listen.prefault('127.0.0.1:8787'),
  /** The MCP resource URL. Absent: `http://<listen>/mcp`, for loopback only. */
  publicUrl: publicUrl.optional(),
  /** Host names that requests may be addressed to; when none is named the host of publicUrl (any name of this machine, if it is loopback). */
  allowedHosts: z.array(hostname).default([]),
  /** Host names of web origins that may call from a browser. */
  allowedOrigins: z.array(hostname).default([]),
  /** Accepts plain http for issuers and APIs on loopback addresses. For tests and the demo. */
  insecureLoopback: z.boolean().default(false),
  /** Where Prometheus reads `/metrics`, an address of its own: `127.0.0.1:9464`. Absent: nothing is counted. */
  metrics: listen.optional(),
})

/** True for addresses that only this machine reaches. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const extras = url.username + url.password + url.search + url.hash
  return extras === '' && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname)))
}
