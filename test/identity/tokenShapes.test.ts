import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERRORS } from '../../src/errors.ts'
import { type Gateway, refusalOf, startGateway } from './gateway.ts'
import { ACCEPTED, REFUSED } from './tokenCases.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
})
afterAll(() => gateway.close())

describe('tokens that may call', () => {
  test.each(ACCEPTED)('$title', async ({ shape, options, caller }) => {
    expect(await gateway.authenticate(await gateway.issuer.mint(shape, options))).toMatchObject(caller)
  })

  test('two agents of one person are two callers with one person behind them', async () => {
    const { issuer, authenticate } = gateway
    const own = await authenticate(await issuer.mint('delegated'))
    const agents = await authenticate(await issuer.mint('agent-on-behalf-of-user'))
    expect(own.key).not.toBe(agents.key)
    expect(own.person).toBe(agents.person)
  })
})

describe('tokens that are turned back', () => {
  test.each(REFUSED)('$title: $code', async ({ make, code, status, fix = '' }) => {
    const refusal = await refusalOf(gateway.authenticate(await make(gateway.issuer)))
    expect(refusal.code).toBe(code)
    expect(ERRORS[refusal.code].status).toBe(status)
    expect(`${refusal.message} ${refusal.next}`).toContain(fix)
  })

  test('a request without a credential: ERR_TOKEN_MISSING', async () => {
    expect((await refusalOf(gateway.authenticate(undefined))).code).toBe('ERR_TOKEN_MISSING')
    expect((await refusalOf(gateway.authenticate(''))).code).toBe('ERR_TOKEN_MISSING')
  })

  test('every identity code but the reviewers and the outage is in the table', () => {
    const codes = Object.keys(ERRORS).filter((code) => /^ERR_(TOKEN|SCOPE|ROLE)_/.test(code))
    const covered = new Set([...REFUSED.map(({ code }) => code), 'ERR_TOKEN_MISSING'])
    expect(codes.filter((code) => !covered.has(code as (typeof REFUSED)[number]['code']))).toEqual([])
  })
})
