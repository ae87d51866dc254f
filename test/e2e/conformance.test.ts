import { createMcpHandler } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { McpEndpoint } from '../../src/mcp/createMcpEndpoint.ts'
import { echoFront } from '../fixtures/echoFront.ts'
import { startWire } from '../fixtures/wire.ts'
import { createFixtureServer } from './conformance/fixtureTools.ts'
import { runSuite } from './conformance/runSuite.ts'

const REVISIONS = ['2025-11-25', '2026-07-28'] as const

/** What the suite expects lies behind names of tools that a product does not have: they are put on the real stack. */
describe('the official conformance suite, with its tools on the gateway’s HTTP stack', () => {
  let wire: Awaited<ReturnType<typeof startWire>>
  beforeAll(async () => {
    const handler = createMcpHandler(() =>
      createFixtureServer({
        toolsChanged: () => handler.notify.toolsChanged(),
        promptsChanged: () => handler.notify.promptsChanged(),
      }),
    )
    const mcp: McpEndpoint = {
      serve: (request, parsedBody, { onCall }) => {
        onCall()
        return handler.fetch(request, { parsedBody })
      },
      toolsChanged: () => handler.notify.toolsChanged(),
      close: () => handler.close(),
    }
    wire = await startWire(echoFront().front, {}, [], { mcp, plainCalls: false })
  })
  afterAll(() => wire.close())

  test.each(REVISIONS)('%s: nothing fails but what the baseline explains', async (revision) => {
    const { code, output } = await runSuite(wire.port, revision, `fixture-${revision}.yaml`)
    expect(code, output.slice(-6_000)).toBe(0)
  })
})

describe('the official conformance suite against the endpoint itself, which has tools and nothing else', () => {
  let wire: Awaited<ReturnType<typeof startWire>>
  beforeAll(async () => {
    const { front } = echoFront(async ({ tool }, waiter) => {
      if (tool === 'test_error_handling') return { status: 'failed', code: 'ERR_ARGUMENTS', output: undefined }
      if (tool === 'test_tool_with_progress') for (const part of ['one', 'two', 'three']) await waiter.progress(part)
      return {}
    })
    wire = await startWire(front)
  })
  afterAll(() => wire.close())

  test.each(REVISIONS)('%s: nothing fails but what the baseline explains', async (revision) => {
    const { code, output } = await runSuite(wire.port, revision, `gateway-${revision}.yaml`)
    expect(code, output.slice(-6_000)).toBe(0)
  })
})
