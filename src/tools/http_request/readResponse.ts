import type { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { RawResponse } from './sendRequest.ts'

/** The bytes of an answer, decompressed. Bounded in size by the cap and in time by the signal of its request. */
export interface ReadBody {
  readonly bytes: Buffer
  /** `cap`: there was more. `lost`: it broke off. `unreadable`: not what its encoding says. Without bytes, both of them. */
  readonly end: 'complete' | 'cap' | 'lost' | 'unreadable'
  readonly cause?: unknown
}

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/** Reads what reaches the cap and no more: of a bomb only so much is ever unpacked. Never rejects. */
export async function readResponse({ headers, body }: RawResponse, maxBytes: number): Promise<ReadBody> {
  const chunks: Buffer[] = []
  let size = 0
  const collect = async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) {
      const room = maxBytes - size
      chunks.push(chunk.subarray(0, room))
      size += chunk.length
      if (size > maxBytes) return
    }
  }
  const stages = decodersOf(headers['content-encoding'])
  try {
    if (stages === undefined) return { bytes: Buffer.alloc(0), end: 'unreadable' }
    await run(body, stages, collect)
  } catch (cause) {
    // Leaving a stream early is an error to those before it.
    if (size <= maxBytes) return { bytes: Buffer.alloc(0), end: body.errored === null ? 'unreadable' : 'lost', cause }
  } finally {
    body.on('error', () => undefined).destroy()
  }
  return { bytes: Buffer.concat(chunks), end: size > maxBytes ? 'cap' : 'complete' }
}

function run(body: Readable, stages: readonly Transform[], collect: (source: AsyncIterable<Buffer>) => Promise<void>) {
  const [only] = stages
  return only === undefined ? pipeline(body, collect) : pipeline(body, only, collect)
}

/** One encoding at most: each further one multiplies what a bomb unpacks to. Undefined for what is not understood. */
function decodersOf(written: string | string[] | undefined): readonly Transform[] | undefined {
  const name = (Array.isArray(written) ? written.join(',') : (written ?? '')).trim().toLowerCase()
  if (name === '' || name === 'identity') return []
  const create = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined
  return create === undefined ? undefined : [create()]
}
