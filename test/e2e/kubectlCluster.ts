import { SECRET_VALUE } from '../attacks/kubectlCorpus.ts'
import { type RealGate, startRealGate } from '../fixtures/realGate.ts'
import type { KubeApi, KubeObject } from './kubeApi.ts'

/** A cautious policy, and a namespace in which plain changes are free. */
const POLICY = `
policy: db-maintenance-agents
connection: cluster
rules:
  - name: read-shop
    match: { operation: get|list|describe|logs|top|events, namespace: [shop, dev] }
    action: allow
  - name: read-cluster
    match: { operation: get|list|describe|top, resource: [namespaces, nodes], namespace: ["(cluster)"] }
    action: allow
  - name: change-shop
    match: { operation: create|apply|patch|scale|rollout|label|annotate|delete, namespace: [shop] }
    action: require-approval
  - name: change-dev
    match:
      operation: create|apply|patch|scale|rollout|label|annotate|delete
      namespace: [dev]
      resource: [pods, services, configmaps, secrets, "apps/*", "batch/*", rbac.authorization.k8s.io/roles]
    action: allow
  - name: look-inside
    match:
      operation: exec
      namespace: [shop]
      command: [["cat", "{path:/var/log/**}"], ["ls", { flags: ["-l", "-a"] }, "{path}"]]
    action: allow
`

/** The gateway in front of the cluster, as its cluster-admin: nothing but the gate holds. */
export function startClusterGate(kube: KubeApi): Promise<RealGate> {
  return startRealGate({
    policies: [POLICY],
    connections: {
      cluster: {
        type: 'kubernetes',
        kubeconfig: { file: kube.kubeconfig },
        context: 'admin',
        limits: { maxChanges: 20 },
        trustedImages: ['nginx:*', 'registry.corp.example/*', 'x'],
      },
    },
  })
}

const NAMESPACES = ['shop', 'dev', 'prod'] as const

/** Puts the same objects into each namespace, with a canary wherever one can stand. */
export async function seedCluster(kube: KubeApi): Promise<void> {
  await kube.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } })
  for (const namespace of NAMESPACES) {
    await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await kube.apply(...objectsOf(namespace))
    await addRevisions(kube, namespace)
  }
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const BASE64 = Buffer.from(SECRET_VALUE).toString('base64')

function objectsOf(namespace: string): readonly KubeObject[] {
  const secretJson = JSON.stringify({ kind: 'Secret', data: { password: BASE64 } })
  const metadata = (name: string, more: Record<string, unknown> = {}) => ({ name, namespace, ...more })
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata('db', { labels: { app: 'db' }, annotations: { [LAST_APPLIED]: secretJson } }),
      data: { password: BASE64 },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata('sh.helm.release.v1.web.v1', { labels: { owner: 'helm' } }),
      type: 'helm.sh/release.v1',
      data: { release: BASE64 },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('sh.helm.release.v1.web.v1', { labels: { owner: 'helm' } }),
      data: { release: SECRET_VALUE },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('settings'),
      data: {
        mode: 'slow',
        'db-password': SECRET_VALUE,
        'secret.yaml': `kind: Secret\nstringData: { a: ${SECRET_VALUE} }`,
        url: `postgres://app:${SECRET_VALUE}@db/app`,
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('web'),
      spec: { selector: { app: 'web' }, ports: [{ port: 80, protocol: 'TCP' }] },
    },
    { apiVersion: 'v1', kind: 'Endpoints', metadata: metadata('web') },
    ...['web-1', 'web-2'].map((name) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: metadata(name, { labels: { app: 'web' } }),
      spec: podSpec(),
    })),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('web', { annotations: { [LAST_APPLIED]: `{"p":"${SECRET_VALUE}"}` } }),
      spec: { replicas: 2, ...template('web', podSpec()) },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata('mounts'),
      spec: template('mounts', { ...podSpec(), volumes: [{ name: 'v', secret: { secretName: 'db' } }] }),
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: metadata('db'),
      spec: { replicas: 1, serviceName: 'db', ...template('db', podSpec()) },
    },
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: metadata('event-1'),
      involvedObject: { kind: 'Pod', namespace, name: 'web-1' },
      ...{
        type: 'Warning',
        reason: 'Failed',
        message: `login failed: password=${SECRET_VALUE}`,
        lastTimestamp: '2026-11-20T09:00:00Z',
      },
    },
  ]
}

function podSpec() {
  return {
    containers: [
      {
        name: 'web',
        image: 'nginx:1.25',
        args: ['--password', SECRET_VALUE],
        env: [
          { name: 'DB_PASSWORD', value: SECRET_VALUE },
          { name: 'MODE', value: 'slow' },
        ],
      },
    ],
  }
}

function template(app: string, spec: object) {
  return { selector: { matchLabels: { app } }, template: { metadata: { labels: { app } }, spec } }
}

/** What the controllers of a whole cluster would have left: two revisions of the deployment. */
async function addRevisions(kube: KubeApi, namespace: string): Promise<void> {
  const { body } = await kube.ask('GET', `/apis/apps/v1/namespaces/${namespace}/deployments/web`)
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: body.metadata.uid, controller: true }
  for (const revision of ['1', '2']) {
    await kube.apply({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `web-${revision}`,
        namespace,
        ownerReferences: [owner],
        annotations: { 'deployment.kubernetes.io/revision': revision },
      },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'web', 'pod-template-hash': revision } },
        template: {
          metadata: { labels: { app: 'web', 'pod-template-hash': revision } },
          spec: { containers: [{ name: 'web', image: `nginx:1.2${revision}` }] },
        },
      },
    })
  }
}

const IN_NAMESPACES = [
  'api/v1/pods',
  'api/v1/secrets',
  'api/v1/configmaps',
  'api/v1/services',
  'api/v1/serviceaccounts',
  'apis/apps/v1/deployments',
  'apis/apps/v1/statefulsets',
  'apis/apps/v1/daemonsets',
  'apis/apps/v1/replicasets',
  'apis/batch/v1/jobs',
  'apis/batch/v1beta1/cronjobs',
  'apis/rbac.authorization.k8s.io/v1/roles',
  'apis/rbac.authorization.k8s.io/v1/rolebindings',
]
const OF_CLUSTER = [
  'api/v1/namespaces',
  'api/v1/nodes',
  'api/v1/persistentvolumes',
  'apis/rbac.authorization.k8s.io/v1/clusterroles',
  'apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  'apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  'apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  'apis/apiregistration.k8s.io/v1/apiservices',
]

/** Every object that a call could have changed, with its version. */
export async function takeClusterSnapshot(kube: KubeApi): Promise<readonly string[]> {
  const objects: string[] = []
  for (const path of [...IN_NAMESPACES, ...OF_CLUSTER]) {
    const { body } = await kube.ask('GET', `/${path}`)
    for (const { metadata } of body.items) {
      objects.push(`${path} ${metadata.namespace ?? ''}/${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`)
    }
  }
  return objects.sort()
}
