import type { Json } from '../../call.ts'
import { GateError } from '../../errors.ts'
import type { Finding } from '../tool.ts'
import { listAt, textAt, valueAt } from './cluster/apiObject.ts'
import type { Cluster } from './cluster/openCluster.ts'
import type { KubernetesConnection } from './settings.ts'

const PATIENCE_MS = 15_000

/** What the account of the gate should not be able to do, in every namespace, and what to do about it. */
const RISKS: readonly (readonly [
  verb: string,
  group: string,
  resource: string,
  level: Finding['level'],
  message: string,
])[] = [
  [
    '*',
    '*',
    '*',
    'error',
    'may do everything (cluster-admin): nothing at the cluster limits it. Bind a role of its own',
  ],
  ['list', '', 'secrets', 'warning', 'may read the Secrets of every namespace: leave secrets out of its ClusterRole'],
  ['impersonate', '', 'users', 'error', 'may act as other users: leave impersonate out'],
  [
    'escalate',
    'rbac.authorization.k8s.io',
    'clusterroles',
    'error',
    'may give itself any right: leave escalate and bind out',
  ],
  [
    'bind',
    'rbac.authorization.k8s.io',
    'clusterroles',
    'error',
    'may give itself any role: leave escalate and bind out',
  ],
  [
    'create',
    '',
    'serviceaccounts/token',
    'warning',
    'may make tokens of other service accounts: leave serviceaccounts/token out',
  ],
  ['create', '', 'nodes/proxy', 'warning', 'may reach kubelets through the API: leave nodes/proxy out'],
]

/** Connects, and says where the account may do more than a gate should. Changes nothing, throws nothing. */
export async function selfTest(
  cluster: Cluster,
  name: string,
  settings: KubernetesConnection,
): Promise<readonly Finding[]> {
  const about = `connections.${name}`
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const version = await cluster.ask({ method: 'GET', path: ['version'], about: 'version' }, signal)
    const found: Finding[] = [
      { level: 'ok', about, message: `reaches Kubernetes ${textAt(version, 'gitVersion') ?? ''}` },
    ]
    for (const [verb, group, resource, level, message] of RISKS) {
      if (await mayDo(cluster, { verb, group, resource }, signal)) found.push({ level, about, message })
      if (verb === '*' && found.length > 1) break
    }
    found.push(...(await ownRules(cluster, about, settings, signal)))
    return found
  } catch (error) {
    const message = error instanceof GateError ? error.message : 'its rights could not be read'
    return [{ level: 'error', about, message }]
  }
}

async function mayDo(
  cluster: Cluster,
  { verb, group, resource }: { readonly verb: string; readonly group: string; readonly resource: string },
  signal: AbortSignal,
): Promise<boolean> {
  const [name = '', subresource] = resource.split('/')
  const attributes = { verb, group, resource: name, ...(subresource !== undefined && { subresource }) }
  const review = await cluster.ask(
    {
      method: 'POST',
      path: ['apis', 'authorization.k8s.io', 'v1', 'selfsubjectaccessreviews'],
      // A question in the form of a write: nothing is kept.
      query: { dryRun: 'All' },
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: attributes },
      },
      about: 'selfsubjectaccessreviews',
    },
    signal,
  )
  return valueAt(review, 'status', 'allowed') === true
}

/** The rules for the connection's own namespace: an account without any can only fail. */
async function ownRules(
  cluster: Cluster,
  about: string,
  { namespace }: KubernetesConnection,
  signal: AbortSignal,
): Promise<Finding[]> {
  const review = await cluster.ask(
    {
      method: 'POST',
      path: ['apis', 'authorization.k8s.io', 'v1', 'selfsubjectrulesreviews'],
      query: { dryRun: 'All' },
      body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
      about: 'selfsubjectrulesreviews',
    },
    signal,
  )
  const rules = listAt(review, 'status', 'resourceRules')
  const reads = rules.some((rule) => has(rule, 'resources', 'pods') && has(rule, 'verbs', 'get'))
  const secrets = rules.some((rule) => has(rule, 'resources', 'secrets') && has(rule, 'verbs', 'get'))
  return [
    ...(reads
      ? []
      : [{ level: 'warning' as const, about, message: `may not read pods in ${namespace}: bind it a role` }]),
    ...(secrets
      ? [
          {
            level: 'warning' as const,
            about,
            message: `may read Secrets in ${namespace}: their values are masked, but a role without secrets is safer`,
          },
        ]
      : []),
  ]
}

function has(rule: Json, key: string, wanted: string): boolean {
  const values = listAt(rule, key)
  return values.includes(wanted) || values.includes('*')
}
