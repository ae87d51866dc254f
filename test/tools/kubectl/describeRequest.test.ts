import { describe, expect, test } from 'vitest'
import { createCredentialDetector } from '../../../src/masking/credentials.ts'
import { createMasker } from '../../../src/masking/masker.ts'
import { maskRequest } from '../../../src/masking/maskText.ts'
import { parseArgs } from '../../../src/tools/kubectl/args/parseArgs.ts'
import { describeRequest } from '../../../src/tools/kubectl/describeRequest.ts'

const CANARY = 'wq83-canary-value'
const masker = createMasker(createCredentialDetector([]), () => undefined)
const shown = (args: readonly string[], manifest?: string, touchesSecrets = false, mayHoldCode = false) =>
  maskRequest(describeRequest(args, parseArgs(args), manifest, { touchesSecrets, mayHoldCode }), masker)
    .fields.map(({ text }) => text)
    .join('\n')

describe('a request as people see it', () => {
  test('the words, quoted where they need it', () => {
    expect(shown(['annotate', 'pod', 'web', "note=it's here"])).toBe("kubectl annotate pod web 'note=it'\\''s here'")
  })

  test('a patch and a manifest stand for themselves', () => {
    expect(shown(['patch', 'pod', 'web', '-p', '{"a":"b"}'])).toBe('kubectl patch pod web -p (below)\n{"a":"b"}')
    expect(shown(['patch', 'pod', 'web', '--patch={"a":"b"}'])).toContain('--patch=(below)')
    expect(shown(['apply'], 'kind: Pod')).toBe('kubectl apply\nkind: Pod')
  })

  test.each([
    ['a Secret', `kind: Secret\ndata: { a: ${CANARY} }`],
    ['stringData', `stringData:\n  a: |\n    ${CANARY}\nkind: Secret`],
    ['a Secret in a list', `kind: List\nitems:\n- kind: Secret\n  data: { a: "${CANARY}" }`],
    ['an alias into a Secret', `x: &a ${CANARY}\nkind: Secret\ndata: { a: *a }`],
    ['an alias for all of its data', `x: &a { b: ${CANARY} }\nkind: Secret\ndata: *a`],
    ['the second document', `kind: Pod\n---\nkind: Secret\ndata: { a: ${CANARY} }`],
    ['JSON', `{"kind": "Secret", "data": {"a": "${CANARY}"}}`],
    ['a variable', `env: [{ name: DB_PASSWORD, value: ${CANARY} }]`],
    ['a variable, value first', `env: [{ value: ${CANARY}, name: DB_PASSWORD }]`],
    ['a key', `data: { db-password: ${CANARY} }`],
    ['a manifest in a text', `data:\n  x.yaml: |\n    kind: Secret\n    data: { a: ${CANARY} }`],
  ])('%s is hidden', (_, manifest) => {
    expect(shown(['apply'], manifest)).not.toContain(CANARY)
  })

  test('a patch of a Secret shows none of its values', () => {
    const patch = `[{"op":"replace","path":"/data/a","value":"${CANARY}"}]`
    expect(shown(['patch', 'secret', 'db', '--type=json', '-p', patch], undefined, true)).not.toContain(CANARY)
  })

  test.each(['/data/db-password', '/metadata/annotations/corp.example~1api-token', '/spec/containers/0/env/0/value'])(
    'a value that a JSON patch sets at %s is hidden',
    (path) => {
      const patch = JSON.stringify([{ op: 'replace', path, value: CANARY }])
      expect(shown(['patch', 'pod', 'web', '--type=json', '-p', patch])).not.toContain(CANARY)
      const command = JSON.stringify([{ op: 'replace', path: '/spec/containers/0/command/1', value: CANARY }])
      expect(shown(['patch', 'pod', 'web', '--type=json', '-p', command])).toContain(CANARY)
    },
  )

  test('a value of an annotation that is called a secret is hidden', () => {
    expect(shown(['annotate', 'pod', 'web', `api-token=${CANARY}`])).not.toContain(CANARY)
    expect(shown(['exec', 'web', '--', 'mysql', '--password', CANARY])).not.toContain(CANARY)
  })

  test('code for a shell is shown whole, whatever it looks like', () => {
    const code = `psql --password ${CANARY}`
    expect(shown(['exec', 'web', '--', 'sh', '-c', code], undefined, false, true)).toContain(code)
  })
})
