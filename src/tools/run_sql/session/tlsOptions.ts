import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import { GateError } from '../../../errors.ts'
import type { PostgresConnection } from '../settings.ts'

/** What pg takes as `ssl`. */
export type TlsOptions = false | ConnectionOptions

/** TLS as the connection wants it. Read again for every connection, so a renewed authority needs no restart. */
export async function readTlsOptions({ tls }: Pick<PostgresConnection, 'tls'>): Promise<TlsOptions> {
  if (tls.mode === 'disable') return false
  if (tls.mode === 'require') return { rejectUnauthorized: false }
  if (tls.ca === undefined) return { rejectUnauthorized: true }
  try {
    return { rejectUnauthorized: true, ca: await readFile(tls.ca, 'utf8') }
  } catch (cause) {
    throw new GateError('ERR_TARGET_UNAVAILABLE', {
      detail: 'The file of its certificate authority cannot be read.',
      cause,
    })
  }
}
