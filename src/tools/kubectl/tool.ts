import * as z from 'zod'
import { connectionName, idempotencyKey, reason } from '../callFields.ts'
import type { OpenTool, Tool, ToolParts } from '../tool.ts'
import { VERBS } from './args/flags.ts'
import { loadAccess } from './cluster/loadAccess.ts'
import { lookUpOutcome } from './lookUpOutcome.ts'
import { MATCH_KEYS } from './matchKeys.ts'
import { openClusters } from './openClusters.ts'
import { selfTest } from './selfTest.ts'
import type { KubernetesConnection } from './settings.ts'
import { understand } from './understand.ts'

const input = z.strictObject({
  connection: connectionName,
  args: z
    .array(z.string().max(65_536))
    .min(1)
    .max(200)
    .describe(
      'The words after `kubectl`, the verb first: ["get", "pods", "-n", "shop"]. One word an element; flags as "-n", "shop" or "--namespace=shop".',
    ),
  manifest: z
    .string()
    .max(512 * 1024)
    .optional()
    .describe('For create and apply: YAML or JSON of the objects. No file and no address is ever read.'),
  reason,
  idempotency_key: idempotencyKey,
})

/** Consequences, beside the verbs. */
const FAMILIES = ['pod:*', 'rbac:*', 'webhook:*', 'crd:*', 'secret:*', 'network:*', 'namespace:*', 'meta:*', 'kind:*']
const OPERATIONS = [...VERBS, 'list', ...FAMILIES, 'cascade:*', 'conflicts:*']

export function createKubectl(parts: ToolParts<KubernetesConnection>): OpenTool {
  const clusters = openClusters(parts)
  const tool: Tool = {
    name: 'kubectl',
    title: 'Kubernetes',
    description:
      'Works on a Kubernetes cluster with the words of kubectl: get, describe, logs, top, events, create, apply, patch, scale, rollout, label, annotate, delete, exec. Values of Secrets come back masked. Changes may need a person’s approval first; the answer then says how to wait for it.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    input,
    connectionType: 'kubernetes',
    operations: OPERATIONS,
    match: MATCH_KEYS,
    understand: (args, connectionName, signal) => {
      const { args: words, manifest } = input.parse(args)
      const cluster = clusters.cluster(connectionName)
      return understand(cluster, clusters.settings(connectionName), { args: words, manifest }, connectionName, signal)
    },
  }
  return {
    tool,
    lookUpOutcome: (name, outcomeRef) => lookUpOutcome(clusters.cluster(name), outcomeRef),
    selfTest: (name) => selfTest(clusters.cluster(name), name, clusters.settings(name)),
    reconnect: () => clusters.reconnect(),
    async learnCredentials() {
      // Reading the file teaches; no plugin runs and no cluster is asked.
      for (const settings of Object.values(parts.connections()))
        await loadAccess(settings, parts).catch(() => undefined)
    },
    close: async () => clusters.close(),
  }
}
