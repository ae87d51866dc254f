import { describe, expect, test } from 'vitest'
import type { Json } from '../../../src/call.ts'
import { hideObject } from '../../../src/tools/kubectl/hide/hideObject.ts'
import { createHider } from '../../../src/tools/kubectl/hide/hider.ts'
import { isSecretName } from '../../../src/tools/kubectl/hide/isSecretName.ts'

const CANARY = 'wq83-canary-value'
const hide = (object: Json, pointers: readonly string[] = []) => {
  const notes: string[] = []
  const shown = hideObject(object, pointers, (where, why) => notes.push(`${where} ${why}`))
  return { shown, text: JSON.stringify(shown), notes }
}

describe('objects leave the tool without their secrets', () => {
  test.each([
    ['a Secret', { kind: 'Secret', data: { a: CANARY }, stringData: { b: CANARY } }],
    ['a Secret in a list', { kind: 'List', items: [{ kind: 'Secret', data: { a: CANARY } }] }],
    [
      'a Secret in a custom resource',
      { kind: 'Template', spec: { objects: [{ kind: 'Secret', stringData: { a: CANARY } }] } },
    ],
    ['data of a Secret that is no map', { kind: 'Secret', data: CANARY }],
    ['nested data of a Secret', { kind: 'Secret', data: { a: { b: CANARY } } }],
    [
      'last-applied',
      { kind: 'Pod', metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': CANARY } } },
    ],
    ['managed fields', { kind: 'Pod', metadata: { managedFields: [{ fieldsV1: { f: CANARY } }] } }],
    [
      'a helm release',
      { kind: 'ConfigMap', metadata: { name: 'x', labels: { OWNER: 'TILLER' } }, data: { release: CANARY } },
    ],
    [
      'a helm release by its name',
      { kind: 'ConfigMap', metadata: { name: 'sh.helm.release.v1.x.v1' }, data: { release: CANARY } },
    ],
    ['a list of Secrets', { spec: { kind: 'SecretList', items: [{ data: { a: CANARY } }] } }],
    ['what a custom type makes a Secret of', { kind: 'Widget', spec: { template: { stringData: { a: CANARY } } } }],
    ['a manifest of a list of Secrets', { data: { dump: `kind: SecretList\nitems: [{data: {a: ${CANARY}}}]` } }],
    ['a manifest in a text in a text', { data: { dump: `{\\"kind\\": \\"Secret\\", \\"data\\": \\"${CANARY}\\"}` } }],
    ['kapp', { kind: 'Pod', metadata: { annotations: { 'kapp.k14s.io/original': CANARY } } }],
    ['a variable', { env: [{ name: 'DB_PASSWORD', value: CANARY }] }],
    ['a variable of another case', { env: [{ name: 'githubToken', value: CANARY }] }],
    ['a key', { data: { 'db-password': CANARY } }],
    ['a word of a command line', { args: ['--user', 'x', '--password', CANARY] }],
    ['a word with its flag', { command: ['mysql', `--password=${CANARY}`] }],
    ['a private key', { data: { 'tls.pem': `-----BEGIN RSA PRIVATE KEY-----\n${CANARY}\n` } }],
    ['a kubeconfig', { data: { config: `current-context: x\nusers:\n- user: { token: ${CANARY} }` } }],
    ['a manifest with a Secret', { data: { 'x.yaml': `apiVersion: v1\nkind: Secret\ndata: { a: ${CANARY} }` } }],
    ['a manifest as JSON', { data: { 'x.json': `{"kind": "Secret", "data": {"a": "${CANARY}"}}` } }],
  ] as const)('%s', (_, object) => {
    expect(hide(object).text).not.toContain(CANARY)
  })

  test('keys of a Secret stay, and it is said what was hidden', () => {
    const { shown, notes } = hide({ kind: 'Secret', data: { password: 'x' } })
    expect(shown).toEqual({ kind: 'Secret', data: { password: '[masked:secret]' } })
    expect(notes).toEqual(['/data/password secret'])
  })

  test('code of a container that has a key in it stays in sight: only detectors hide parts of it', () => {
    const object = { command: ['sh', '-c', 'curl evil.example # -----BEGIN RSA PRIVATE KEY-----'] }
    expect(hide(object).shown).toEqual(object)
  })

  test('what tells nothing is left alone', () => {
    const object = {
      kind: 'Deployment',
      metadata: { annotations: { 'deployment.kubernetes.io/revision': '2' } },
      spec: {
        automountServiceAccountToken: false,
        env: [
          { name: 'DB_PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
          { name: 'TOKEN', value: '$(OTHER)' },
          { name: 'DB_PASSWORD_FILE', value: '/run/secrets/db' },
          { name: 'LOG_LEVEL', value: 'debug' },
        ],
        volumes: [{ name: 'x', secret: { secretName: 'db' } }],
        args: ['--tokens', '5', '--verbose', '--secret-name=db'],
      },
    }
    expect(hide(object).shown).toEqual(object)
  })

  test('pointers of the connection hide members of one type, a star stands for any', () => {
    const hider = createHider({ mask: ['configmaps:/data/*', 'apps/deployments:/spec/template/spec/x'] })
    const object = { kind: 'ConfigMap', data: { a: '1', b: '2' } }
    expect(hider.hide(object, { group: '', name: 'configmaps' })).toMatchObject({
      data: { a: '[masked:protected-field]', b: '[masked:protected-field]' },
    })
    expect(hider.hide(object, { group: '', name: 'services' })).toEqual(object)
    expect(hider.notes()).toEqual([{ where: 'configmaps', why: 'protected-field', count: 2 }])
  })

  test('bytes are judged by what they say in plain', () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    const manifest = base64(`kind: Secret\ndata: { a: ${CANARY} }`)
    const { shown } = hide({ kind: 'ConfigMap', binaryData: { dump: manifest, logo: base64('plain') } })
    expect(shown).toEqual({ kind: 'ConfigMap', binaryData: { dump: '[masked:kept-manifest]', logo: base64('plain') } })
  })

  test('what the settings hide of a type is hidden under its other group', () => {
    const hider = createHider({ mask: ['networking.k8s.io/ingresses:/spec/x'] })
    expect(hider.hide({ spec: { x: CANARY } }, { group: 'extensions', name: 'ingresses' })).toEqual({
      spec: { x: '[masked:protected-field]' },
    })
  })

  test.each([
    ['DB_PASSWORD', true],
    ['api-key', true],
    ['clientSecret', true],
    ['PGPASS', true],
    ['--auth-token', true],
    ['password2', true],
    ['SECRET_KEY_BASE', true],
    ['API_TOKEN_V2', true],
    ['password.txt', true],
    ['PGPASSWORD', true],
    ['passwords', true],
    ['tokens', false],
    ['keybase', false],
    ['secretName', false],
    ['tokenPath', false],
    ['keyboard', false],
    ['bypass', false],
    ['key', false],
  ])('%s is the name of a secret: %s', (name, expected) => {
    expect(isSecretName(name)).toBe(expected)
  })
})
