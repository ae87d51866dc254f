import { describe, expect, test } from 'vitest'
import { readManifest } from '../../../src/tools/kubectl/judge/readManifest.ts'

const CONFIG = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: shop }\n'
const refused = (text: string) => {
  try {
    return readManifest(text)
  } catch (error) {
    return error
  }
}

describe('inline manifests', () => {
  test('documents and lists come out as objects in their order', () => {
    const list = JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'b' } }],
    })
    expect(
      readManifest(`---\n${CONFIG}---\n${list}\n---\n`).map(({ kind, name, namespace }) => [kind, name, namespace]),
    ).toEqual([
      ['ConfigMap', 'a', 'shop'],
      ['Deployment', 'b', undefined],
    ])
  })

  test('aliases are counted before their anchors are looked for, and documents before they are read', () => {
    const aliases = (count: number) => refused(`x: &a 1\ny: [${'*a,'.repeat(count)}]`)
    expect(aliases(51)).toMatchObject({ code: 'ERR_KUBECTL_MANIFEST', detail: 'It holds more than 50 aliases.' })
    expect(aliases(40)).toMatchObject({ detail: 'apiVersion is missing, or is none.' })
    expect(refused('---\n{\n'.repeat(101))).toMatchObject({ detail: 'It holds more than 100 documents.' })
  })

  test('what is sent is what YAML 1.2 says: words that older readers take for switches stay words', () => {
    const [object] = readManifest(`${CONFIG}data: { a: yes, b: on, c: 010, d: 1_000, e: 12:30 }`)
    expect(object?.body.data).toEqual({ a: 'yes', b: 'on', c: 10, d: '1_000', e: '12:30' })
  })

  test('anchors are read, and each object stands for itself', () => {
    const [object] = readManifest(`${CONFIG}data: { a: &x one, b: *x }`)
    expect(object?.body.data).toEqual({ a: 'one', b: 'one' })
  })

  test.each([
    ['nothing', ''],
    ['no object', '- a\n- b'],
    ['a text', 'hello'],
    ['duplicate keys', `${CONFIG}kind: Secret`],
    ['duplicate keys below', `${CONFIG}data: { a: one, a: two }`],
    ['a tag', `${CONFIG}data: { a: !!binary aGk= }`],
    ['a tag of a language', `${CONFIG}data: { a: !!js/function 'x' }`],
    ['a tag of its own', `${CONFIG}data: { a: !Ref x }`],
    ['a merge key', `x: &x { b: c }\n${CONFIG}data: { <<: *x }`],
    ['an alias without anchor', `${CONFIG}data: *x`],
    ['__proto__', `${CONFIG}data: { __proto__: { a: b } }`],
    ['a key that is no text', `${CONFIG}data: { 1: a, [x]: b }`],
    ['YAML 1.1', `%YAML 1.1\n---\n${CONFIG}`],
    ['a number that loses digits', `${CONFIG}data: { a: 9007199254740993 }`],
    ['infinity', `${CONFIG}data: { a: .inf }`],
    ['a control character', `${CONFIG}data: { a: "x\u0007" }`],
    ['half a character', `${CONFIG}data: { a: "\ud800" }`],
    [
      'a list in a list',
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'List', items: [] }] }),
    ],
    [
      'a typed list',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'PodList',
        items: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }],
      }),
    ],
    ['generateName', 'apiVersion: v1\nkind: Pod\nmetadata: { generateName: a- }'],
    ['a uid', 'apiVersion: v1\nkind: Pod\nmetadata: { name: a, uid: x }'],
    ['managed fields', 'apiVersion: v1\nkind: Pod\nmetadata: { name: a, managedFields: [] }'],
    ['a status', 'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nstatus: { phase: Running }'],
    ['no name', 'apiVersion: v1\nkind: Pod\nmetadata: {}'],
    ['a name that is a path', 'apiVersion: v1\nkind: Pod\nmetadata: { name: ../../x }'],
    ['a namespace that is a path', 'apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: x/y }'],
    ['a namespace that is a number', 'apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: 5 }'],
    ['an apiVersion that is a path', 'apiVersion: ../v1\nkind: Pod\nmetadata: { name: a }'],
    ['a kind that is none', 'apiVersion: v1\nkind: pods/exec\nmetadata: { name: a }'],
    ['the same object twice', `${CONFIG}---\n${CONFIG}`],
    ['too many documents', `${CONFIG}---\n`.repeat(101)],
    ['too large', `${CONFIG}data: { a: "${'x'.repeat(600_000)}" }`],
    ['too deep', `${CONFIG}data: ${'{ a: '.repeat(200)}x${' }'.repeat(200)}`],
  ])('%s is refused', (_, text) => {
    expect(refused(text)).toMatchObject({ code: 'ERR_KUBECTL_MANIFEST' })
  })

  test('aliases that expand to far too much are refused in no time and little memory', () => {
    const levels = Array.from(
      { length: 30 },
      (_, i) => `l${i}: &l${i} [${i === 0 ? 'x' : `*l${i - 1}`}, ${i === 0 ? 'x' : `*l${i - 1}`}]`,
    )
    expect(refused(`${CONFIG}${levels.join('\n')}`)).toMatchObject({ code: 'ERR_KUBECTL_MANIFEST' })
  })

  test('a refusal repeats no value', () => {
    const text = `${CONFIG}stringData: { password: hunter2-canary, password: hunter2-canary }`
    expect(String((refused(text) as Error).message)).not.toContain('canary')
  })
})
