import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { clear } from '../../src/approvals/clear.ts'
import type { ClearRequest } from '../../src/approvals/clearance.ts'
import { handleApprovalsApi } from '../../src/approvals/handleApprovalsApi.ts'
import type { ReviewDesk } from '../../src/approvals/reviewDesk.ts'
import { approveApproval, denyApproval, listApprovals, showApproval, watchApprovals } from '../../src/cli/approvals.ts'
import { listRevocations, revoke, undoRevocation } from '../../src/cli/revoke.ts'
import {
  aDecision,
  aGate,
  aRequest,
  aReviewer,
  masked,
  rejudge,
  shown,
  T0,
  type TestGate,
} from '../approvals/fixtures.ts'

let gate: TestGate
let server: Server
let url: string

// The real API behind a plain HTTP server; the token is the reviewer's name.
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const reviewer = aReviewer(String(request.headers.authorization).replace('Bearer ', ''))
    const desk: ReviewDesk = { ...gate, rejudge, maskText: masked, recordVoteRefused: async () => undefined }
    let text = ''
    for await (const chunk of request) text += chunk
    const { pathname: path, searchParams: query } = new URL(request.url ?? '', 'http://x')
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const { status, json } = await handleApprovalsApi(
      { method: request.method ?? '', path, query, body, reviewer },
      desk,
    )
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(async () => {
  gate = await aGate()
})

function anOutput() {
  const written = { out: '', err: '' }
  return {
    written,
    out: (text: string) => {
      written.out += text
    },
    err: (text: string) => {
      written.err += text
    },
  }
}

async function pending(over: Partial<ClearRequest> = {}) {
  const answer = await clear(aRequest(over), gate)
  if (answer.state !== 'pending') throw new TypeError(answer.state)
  return answer.approval
}

const options = (over = {}) => ({
  url,
  token: 'ann',
  json: false,
  all: false,
  reason: undefined,
  digest: undefined,
  ...over,
})

/** Anything that could move the cursor, colour the screen or hide: all but line feeds and printable characters. */
const UNSAFE = /[^\n\P{Cc}]|\p{Bidi_Control}|\u200b/u

const deceptive = async () => ({
  ...shown,
  reason: masked('harmless\u001b[2K\u001b[1A \u202e evil'),
  fields: [{ name: 'sql', text: masked('DELETE FROM jobs\r\nWHERE \u200btrue\u001b]0;title\u0007'), masked: false }],
})

describe('countersign approvals', () => {
  test('list draws one line a request, show draws all of it', async () => {
    const approval = await pending()
    const io = anOutput()
    expect(await listApprovals(options(), io)).toBe(0)
    expect(io.written.out.split('\n')[1]).toContain(approval.id)
    const full = anOutput()
    expect(await showApproval(approval.id, options(), full)).toBe(0)
    for (const part of [
      'cleanup-bot',
      'DELETE FROM jobs WHERE done',
      '12 rows of public.jobs',
      'queue is full',
      'cleanup · small-deletes',
      approval.digest,
    ]) {
      expect(full.written.out).toContain(part)
    }
    const json = anOutput()
    expect(await showApproval(approval.id, options({ json: true }), json)).toBe(0)
    expect(JSON.parse(json.written.out)).toMatchObject({ approval: { id: approval.id } })
  })

  test('control and invisible characters are written out and warned of', async () => {
    const approval = await pending({ describe: deceptive })
    const io = anOutput()
    await listApprovals(options(), io)
    await showApproval(approval.id, options(), io)
    expect(io.written.out).not.toMatch(UNSAFE)
    expect(io.written.out).toContain('⟦U+202E⟧')
    expect(io.written.out).toContain('! WARNING')
  })

  test('approve shows the request and decides; a second time is no error', async () => {
    const approval = await pending()
    const io = anOutput()
    expect(await approveApproval(approval.id, options(), io)).toBe(0)
    expect(io.written.out).toContain('DELETE FROM jobs WHERE done')
    expect(io.written.out).toContain(`${approval.id} is approved.`)
    expect(await approveApproval(approval.id, options(), io)).toBe(0)
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'approved', votes: [{ subject: 'ann-oid' }] })
  })

  test('approve of something hidden or deceptive needs the digest that show printed', async () => {
    const approval = await pending({ describe: deceptive })
    const io = anOutput()
    expect(await approveApproval(approval.id, options(), io)).toBe(2)
    expect(await approveApproval(approval.id, options({ digest: 'hmac-sha256:' }), io)).toBe(1)
    expect(await approveApproval(approval.id, options({ digest: `${approval.digest.slice(0, 30)}e` }), io)).toBe(1)
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'pending' })
    expect(await approveApproval(approval.id, options({ digest: approval.digest.slice(0, 30) }), io)).toBe(0)
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'approved' })
  })

  test('deny needs a reason', async () => {
    const approval = await pending()
    const io = anOutput()
    expect(await denyApproval(approval.id, options(), io)).toBe(2)
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'pending' })
    expect(await denyApproval(approval.id, options({ reason: 'not today' }), io)).toBe(0)
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'denied', votes: [{ reason: 'not today' }] })
  })

  test('a refusal is 1 with its code, wrong use is 2', async () => {
    const approval = await pending()
    const io = anOutput()
    expect(await approveApproval(approval.id, options({ token: 'owner' }), io)).toBe(1)
    expect(io.written.err).toMatch(/^ERR_VOTE_OWNER: /)
    expect(await showApproval('apr_nothing', options(), io)).toBe(1)
    expect(await listApprovals(options({ token: undefined }), io)).toBe(2)
    expect(await listApprovals(options({ url: 'nonsense' }), io)).toBe(2)
    expect(await listApprovals(options({ url: 'http://127.0.0.1:1/' }), io)).toBe(2)
    expect(await gate.store.get(approval.id)).toMatchObject({ state: 'pending' })
  })

  test('the token never crosses a network in the clear', async () => {
    const io = anOutput()
    for (const host of ['gate.corp.example', '127.0.0.1.evil.example', '10.0.0.1', '[2001:db8::1]']) {
      expect(await listApprovals(options({ url: `http://${host}/mcp` }), io)).toBe(2)
    }
    expect(io.written.err.match(/use https/g)).toHaveLength(4)
  })

  test('watch prints a request when it appears and when it is decided, until stopped', async () => {
    const approval = await pending()
    const stop = new AbortController()
    const io = anOutput()
    const watching = watchApprovals(
      options(),
      {
        ...io,
        out: (text) => {
          io.out(text)
          if (text.includes('approved')) stop.abort()
          else void approveApproval(approval.id, options({ token: 'bob' }), anOutput())
        },
      },
      stop.signal,
    )
    expect(await watching).toBe(0)
    expect(io.written.out).toContain('DELETE FROM jobs WHERE done')
    expect(io.written.out).toContain(`${approval.id}: approved`)
  })

  test('what is needed from several reviewer sets is said after a vote', async () => {
    const approval = await pending({ decision: aDecision('require-approval', { reviewers: ['two-dbas'] }) })
    const io = anOutput()
    expect(await approveApproval(approval.id, options(), io)).toBe(0)
    expect(io.written.out).toContain('pending: needs 1 more from two-dbas')
  })
})

describe('countersign revoke', () => {
  const operator = { name: 'ops', now: T0 }

  test('stops a caller at once, lists it, and undoes it', async () => {
    const io = anOutput()
    expect(await revoke('caller', 'agent-oid', 'leaked', operator, gate.store, io)).toBe(0)
    await expect(clear(aRequest(), gate)).rejects.toMatchObject({ code: 'ERR_REVOKED' })
    expect(await listRevocations(false, gate.store, io)).toBe(0)
    expect(io.written.out).toMatch(/1 {2}caller {5}agent-oid {2}2026-11-20T09:00:00.000Z by ops {2}\(leaked\)/)
    expect(await undoRevocation('1', operator, gate.store, io)).toBe(0)
    expect(await undoRevocation('1', operator, gate.store, io)).toBe(1)
    expect(await clear(aRequest(), gate)).toMatchObject({ state: 'pending' })
  })

  test('stops a caller whatever the case in which its object id is written', async () => {
    const subject = '6f1c1b3e-0000-4000-8000-0000000000ab'
    const { caller } = aRequest()
    const io = anOutput()
    expect(await revoke('caller', subject.toUpperCase(), undefined, operator, gate.store, io)).toBe(0)
    await expect(clear(aRequest({ caller: { ...caller, subject } }), gate)).rejects.toMatchObject({
      code: 'ERR_REVOKED',
    })
  })

  test('refuses what cannot be revoked', async () => {
    const io = anOutput()
    expect(await revoke('group', 'g', undefined, operator, gate.store, io)).toBe(2)
    expect(await revoke('caller', ' ', undefined, operator, gate.store, io)).toBe(2)
    expect(await undoRevocation('x', operator, gate.store, io)).toBe(2)
    expect(await gate.store.revocations()).toEqual([])
  })
})
