import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../../src/tools/kubectl/cluster/apiObject.ts'
import type { Resource } from '../../../src/tools/kubectl/cluster/discovery.ts'
import { consequencesOf, consequencesUnseen } from '../../../src/tools/kubectl/judge/consequences.ts'

const resource = (name: string, group = ''): Resource => ({
  ...{
    group,
    version: 'v1',
    name,
    kind: 'X',
    singular: 'x',
    shortNames: [],
    namespaced: true,
    verbs: [],
    subresources: [],
  },
})
const operations = (name: string, after: JsonObject, before?: JsonObject, trustedImages?: string[]) => {
  const [plural = '', group = ''] = name.split('/').reverse()
  return [
    ...new Set(
      consequencesOf({ resource: resource(plural, group), before, after, trustedImages }).map(
        ({ operation }) => operation,
      ),
    ),
  ]
}
const plain = { containers: [{ name: 'a', image: 'nginx:1' }] }

/** A pod with a volume where the server mounts the token of its account. */
const ownToken = (source: JsonObject): JsonObject => ({
  containers: [
    {
      name: 'a',
      image: 'nginx:1',
      volumeMounts: [{ name: 'v', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
    },
  ],
  volumes: [{ name: 'v', ...source }],
})

/** Where each kind of workload keeps its pods. */
const WORKLOADS: readonly (readonly [string, (pod: JsonObject) => JsonObject])[] = [
  ['pods', (spec) => ({ spec })],
  ...['apps/deployments', 'apps/statefulsets', 'apps/daemonsets', 'apps/replicasets', 'batch/jobs'].map(
    (name) => [name, (spec: JsonObject) => ({ spec: { template: { spec } } })] as const,
  ),
  ['batch/cronjobs', (spec) => ({ spec: { jobTemplate: { spec: { template: { spec } } } } })],
]

test('annotations that loosen a container count as the fields of today, and the token of its own account does not', () => {
  const key = 'container.apparmor.security.beta.kubernetes.io/a'
  const pod = (value: string) => ({ metadata: { annotations: { [key]: value } }, spec: plain })
  expect(operations('pods', pod('unconfined'))).toEqual(['pod:unconfined'])
  expect(operations('apps/deployments', { spec: { template: pod('unconfined') } })).toEqual(['pod:unconfined'])
  expect(operations('pods', pod('runtime/default'))).toEqual([])
  expect(operations('pods', { spec: ownToken({ secret: { secretName: 'default-token-x7k2p' } }) })).toEqual([])
  const projected = { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }] }
  expect(operations('pods', { spec: ownToken({ projected }) })).toEqual([])
})

test.each([
  ['delete', 'secrets', ['secret:delete']],
  ['delete', 'rbac.authorization.k8s.io/roles', ['rbac:grant']],
  ['delete', 'networking.k8s.io/networkpolicies', ['network:policy']],
  ['delete', 'admissionregistration.k8s.io/validatingwebhookconfigurations', ['webhook:validating']],
  ['delete', 'apiextensions.k8s.io/customresourcedefinitions', ['crd:definition']],
  ['delete', 'example.com/databases', ['kind:example.com/databases']],
  ['scale', 'example.com/databases', ['kind:example.com/databases']],
  ['delete', 'configmaps', []],
  ['scale', 'apps/deployments', []],
] as const)('to %s %s has consequences without an object as it would be: %j', (verb, name, expected) => {
  const [plural = '', group = ''] = name.split('/').reverse()
  expect(consequencesUnseen(verb, resource(plural, group)).map(({ operation }) => operation)).toEqual(expected)
})

test('traffic and the limits of pods are consequences, and so is to take limits away', () => {
  expect(operations('networking.k8s.io/ingresses', {})).toEqual(['network:ingress'])
  expect(operations('extensions/ingresses', {})).toEqual(['network:ingress'])
  expect(operations('networking.k8s.io/networkpolicies', {})).toEqual(['network:policy'])
  const labelled = { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } }
  expect(operations('namespaces', { metadata: {} }, labelled)).toEqual(['namespace:podSecurity'])
  expect(operations('namespaces', labelled, labelled)).toEqual([])
})

describe.each(WORKLOADS)('pods in %s', (name, wrap) => {
  test('a plain one has no consequences', () => {
    expect(operations(name, wrap(plain))).toEqual([])
  })

  test.each([
    ['pod:hostPath', { ...plain, volumes: [{ name: 'v', hostPath: { path: '/' } }] }],
    ['pod:privileged', { containers: [{ name: 'a', securityContext: { privileged: true } }] }],
    ['pod:privileged', { ...plain, initContainers: [{ name: 'a', securityContext: { privileged: true } }] }],
    ['pod:hostNetwork', { ...plain, hostNetwork: true }],
    ['pod:hostPID', { ...plain, hostPID: true }],
    ['pod:hostIPC', { ...plain, hostIPC: true }],
    ['pod:serviceAccount', { ...plain, serviceAccountName: 'admin' }],
    ['pod:serviceAccount', { ...plain, serviceAccount: 'admin' }],
    [
      'pod:serviceAccount',
      { ...plain, volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
    ],
    ['pod:secretRef', { ...plain, volumes: [{ name: 'v', secret: { secretName: 'db' } }] }],
    // where the token of the account goes, and like one by its name, but that of another account
    ['pod:secretRef', ownToken({ secret: { secretName: 'admin-token-x7k2p' } })],
    ['pod:secretRef', ownToken({ secret: { secretName: 'default-token-of-the-vault-x7k2p' } })],
    [
      'pod:serviceAccount',
      ownToken({ projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'sts.example' } }] } }),
    ],
    ['pod:unconfined', { ...plain, securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }],
    ['pod:unconfined', { ...plain, securityContext: { seLinuxOptions: { type: 'spc_t' } } }],
    ['pod:secretRef', { ...plain, volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 'db' } }] } }] }],
    ['pod:secretRef', { containers: [{ name: 'a', envFrom: [{ secretRef: { name: 'db' } }] }] }],
    [
      'pod:secretRef',
      { containers: [{ name: 'a', env: [{ name: 'x', valueFrom: { secretKeyRef: { name: 'db', key: 'p' } } }] }] },
    ],
    ['pod:hostPort', { containers: [{ name: 'a', ports: [{ hostPort: 80 }] }] }],
    ['pod:capabilities', { containers: [{ name: 'a', securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }] }],
    ['pod:unconfined', { ...plain, securityContext: { seccompProfile: { type: 'Unconfined' } } }],
    ['pod:volume', { ...plain, volumes: [{ name: 'v', nfs: { server: 'x', path: '/' } }] }],
    ['pod:nodeName', { ...plain, nodeName: 'master-1' }],
  ] as const)('%s', (operation, pod) => {
    expect(operations(name, wrap(pod as JsonObject))).toContain(operation)
  })

  test('what was there before counts again when the pods change, and not when they stay', () => {
    const pod = { containers: [{ name: 'a', command: ['x'], envFrom: [{ secretRef: { name: 'db' } }] }] }
    const printing = { containers: [{ name: 'a', command: ['env'], envFrom: [{ secretRef: { name: 'db' } }] }] }
    expect(operations(name, wrap(printing), wrap(pod))).toEqual(['pod:secretRef'])
    expect(operations(name, { ...wrap(pod), metadata: { labels: { a: 'b' } } }, wrap(pod))).toEqual([])
  })

  test('images are judged when the connection says which are trusted', () => {
    expect(operations(name, wrap(plain), undefined, ['registry.corp.example/*'])).toEqual(['pod:image'])
    expect(operations(name, wrap(plain), undefined, ['nginx:*'])).toEqual([])
  })
})

describe('consequences of other types', () => {
  test.each([
    ['secrets', 'secret:write', {}],
    ['secrets', 'secret:token', { type: 'kubernetes.io/service-account-token' }],
    ['rbac.authorization.k8s.io/roles', 'rbac:grant', {}],
    ['rbac.authorization.k8s.io/clusterrolebindings', 'rbac:grant', {}],
    ['certificates.k8s.io/certificatesigningrequests', 'rbac:certificate', {}],
    ['serviceaccounts', 'rbac:serviceAccount', { metadata: { annotations: { 'eks.amazonaws.com/role-arn': 'x' } } }],
    ['admissionregistration.k8s.io/mutatingwebhookconfigurations', 'webhook:mutating', {}],
    ['admissionregistration.k8s.io/validatingwebhookconfigurations', 'webhook:validating', {}],
    ['admissionregistration.k8s.io/mutatingadmissionpolicies', 'webhook:admission', {}],
    ['apiregistration.k8s.io/apiservices', 'webhook:apiService', {}],
    ['apiextensions.k8s.io/customresourcedefinitions', 'crd:definition', {}],
    [
      'namespaces',
      'namespace:podSecurity',
      { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } },
    ],
    ['persistentvolumes', 'pod:hostPath', { spec: { hostPath: { path: '/' } } }],
    ['services', 'network:externalIPs', { spec: { externalIPs: ['10.0.0.1'] } }],
    ['services', 'network:loadBalancer', { spec: { type: 'LoadBalancer' } }],
    ['services', 'network:externalName', { spec: { type: 'ExternalName' } }],
    ['endpoints', 'network:endpoints', {}],
    ['example.com/widgets', 'kind:example.com/widgets', {}],
    ['configmaps', 'meta:ownerReferences', { metadata: { ownerReferences: [{ uid: 'x' }] } }],
    ['configmaps', 'meta:finalizers', { metadata: { finalizers: ['x'] } }],
  ])('%s: %s', (name, operation, after) => {
    expect(operations(name, after as JsonObject)).toContain(operation)
  })

  test('pods inside a custom type count as pods', () => {
    const pod = { containers: [{ name: 'a', securityContext: { privileged: true } }] }
    expect(operations('argoproj.io/workflows', { spec: { templates: [{ pod }] } })).toEqual([
      'pod:privileged',
      'kind:argoproj.io/workflows',
    ])
  })

  test('a plain service and a plain config map have none', () => {
    expect(operations('services', { spec: { type: 'ClusterIP' } })).toEqual([])
    expect(operations('configmaps', { data: { a: 'b' } })).toEqual([])
  })
})
