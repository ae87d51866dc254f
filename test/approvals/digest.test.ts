import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type DigestInput, digestOf } from '../../src/approvals/digest.ts'
import { digestKeyFromSecret, loadOrCreateDigestKey } from '../../src/approvals/digestKey.ts'
import type { Operation } from '../../src/call.ts'

const key = Buffer.alloc(32, 7)
const input: DigestInput = {
  callerKey: 'entra/t1/agent/app-1',
  tool: 'run_sql',
  args: { connection: 'prod', sql: 'DELETE FROM jobs', reason: 'full', idempotency_key: 'k' },
  operations: [{ operation: 'DELETE', otherwise: 'deny', facts: { tables: ['public.jobs'], where: false } }],
  judged: { oids: [16384] },
  target: { connection: 'prod', database: 'app', role: 'gate_rw' },
  constraints: { maxRows: 100 },
}

describe('digestOf', () => {
  const base = digestOf(key, input)

  test('is a keyed hash in its written form', () => {
    expect(base).toMatch(/^hmac-sha256:[0-9a-f]{64}$/)
    expect(digestOf(Buffer.alloc(32, 8), input)).not.toBe(base)
  })

  test('ignores the reason, the idempotency key and the order of members', () => {
    expect(digestOf(key, { ...input, args: { sql: 'DELETE FROM jobs', connection: 'prod', reason: 'other' } })).toBe(
      base,
    )
  })

  test('has the value that is in the trails and stores of running gateways', () => {
    expect(base).toBe('hmac-sha256:aa5ce46ecad0aa9af0d2609df2ce2de7568e752bb10c152c123b38ec36505d6d')
    const rich: DigestInput = {
      ...input,
      args: {
        sql: 'SELECT "é\\n" FROM t\n\t-- \u2028 \u{1f600} \u007f',
        connection: 'prod',
        params: [1, -0, 1e21, 0.1, true, null, 'x"y'],
        reason: 'not bound',
        idempotency_key: 'k',
      },
      operations: [
        {
          operation: 'SELECT',
          otherwise: 'deny',
          facts: { tables: ['public.jobs', 'public.üsers'], where: true, rows: 12 },
        },
        {
          operation: 'function:public.f',
          otherwise: 'require-approval',
          floor: 'require-approval',
          because: 'it is "unlisted"',
          facts: {},
        },
      ],
      judged: { oids: [16384], '10': 1, '9': 2, '\u20ac': 1, '\r': 2, '\ufb33': 3, '\u{1f600}': 5 },
      target: { connection: 'prod', database: 'app', role: 'gate_rw', protect: [] },
      constraints: { maxRows: undefined },
    }
    expect(digestOf(key, rich)).toBe('hmac-sha256:02654dac7775e76ea84fa279a7f7496d873e9d66f7c76b62e0d1f1399eee2167')
  })

  test.each<[string, Partial<DigestInput>]>([
    ['caller', { callerKey: 'entra/t1/agent/app-2' }],
    ['tool', { tool: 'kubectl' }],
    ['argument', { args: { connection: 'prod', sql: 'DELETE FROM jobs ' } }],
    ['connection', { target: { connection: 'dev', database: 'app', role: 'gate_rw' } }],
    ['judged fact', { judged: { oids: [16385] } }],
    ['operation', { operations: [] }],
    ['fact of an operation', { operations: [{ operation: 'DELETE', otherwise: 'deny', facts: { where: true } }] }],
    ['row limit', { constraints: { maxRows: 101 } }],
    ['missing row limit', { constraints: { maxRows: undefined } }],
  ])('changes with another %s', (_, over) => {
    expect(digestOf(key, { ...input, ...over })).not.toBe(base)
  })

  test('of a list of operations that was seen before is made of all the rest, as if it had not been', () => {
    const { operations } = input
    const once = (over: Partial<DigestInput>, under = key) =>
      digestOf(under, { ...input, ...over, operations: structuredClone(operations) })
    const other = Buffer.alloc(32, 8)
    for (const over of [{}, { callerKey: 'entra/t1/agent/app-2' }, { tool: 'kubectl' }, { judged: 1 }, { target: 2 }]) {
      expect(digestOf(key, { ...input, ...over, operations })).toBe(once(over))
      expect(digestOf(other, { ...input, ...over, operations })).toBe(once(over, other))
      expect(digestOf(other, { ...input, ...over, operations })).toBe(once(over, other))
    }
    const changing = [{ ...input.operations[0], operation: 'DELETE' }] as Operation[]
    const before = digestOf(key, { ...input, operations: changing })
    changing.push({ operation: 'DROP', otherwise: 'deny', facts: {} })
    expect(digestOf(key, { ...input, operations: changing })).not.toBe(before)
  })
})

describe('the digest key', () => {
  const folder = mkdtempSync(join(tmpdir(), 'digest-key-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('is made once with mode 0600 and read from then on', () => {
    const path = join(folder, 'sub', 'a.key')
    const made = loadOrCreateDigestKey(path)
    expect(made).toHaveLength(32)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(loadOrCreateDigestKey(path)).toEqual(made)
    expect(readFileSync(path, 'latin1').trim()).toHaveLength(64)
  })

  test('is refused when other users can read it, or when it is no key', () => {
    const path = join(folder, 'b.key')
    loadOrCreateDigestKey(path)
    chmodSync(path, 0o644)
    expect(() => loadOrCreateDigestKey(path)).toThrow(/0600/)
    writeFileSync(join(folder, 'c.key'), 'abc', { mode: 0o600 })
    expect(() => loadOrCreateDigestKey(join(folder, 'c.key'))).toThrow(/64 hexadecimal/)
  })

  test('from a secret must be long enough', () => {
    expect(() => digestKeyFromSecret('short')).toThrow(/at least 32 bytes/)
    expect(digestKeyFromSecret('0123456789abcdef0123456789abcdef\n')).toHaveLength(32)
  })
})
