import type { Json } from '../../call.ts'
import type { Understanding } from '../tool.ts'
import { parseArgs } from './args/parseArgs.ts'
import { refuse } from './args/refuse.ts'
import { planDelete } from './change/planDelete.ts'
import { planExec } from './change/planExec.ts'
import { planLabel } from './change/planLabel.ts'
import { planManifest } from './change/planManifest.ts'
import { planPatch } from './change/planPatch.ts'
import { planRollout } from './change/planRollout.ts'
import { planScale } from './change/planScale.ts'
import type { Cluster } from './cluster/openCluster.ts'
import { describeRequest } from './describeRequest.ts'
import { createHider } from './hide/hider.ts'
import type { Plan, Planning } from './plan.ts'
import { planDescribe } from './read/planDescribe.ts'
import { planEvents } from './read/planEvents.ts'
import { planGet } from './read/planGet.ts'
import { planLogs } from './read/planLogs.ts'
import { planTop } from './read/planTop.ts'
import type { KubernetesConnection } from './settings.ts'

export interface KubectlArguments {
  readonly args: readonly string[]
  readonly manifest: string | undefined
}

const PLANS: Readonly<Record<string, (planning: Planning) => Promise<Plan>>> = {
  ...{ get: planGet, describe: planDescribe, logs: planLogs, top: planTop, events: planEvents },
  ...{ create: planManifest, apply: planManifest, patch: planPatch, scale: planScale, rollout: planRollout },
  ...{ label: planLabel, annotate: planLabel, delete: planDelete, exec: planExec },
}

/**
 * Words -> the grammar -> types that the server knows -> the objects as they are -> what the server's dry run says. What
 * runs are the requests that were judged, each held to the object that was judged.
 */
export async function understand(
  cluster: Cluster,
  settings: KubernetesConnection,
  { args, manifest }: KubectlArguments,
  connectionName: string,
  signal: AbortSignal,
): Promise<Understanding> {
  const parsed = parseArgs(args)
  if (manifest !== undefined && !['create', 'apply'].includes(parsed.verb)) refuse(`${parsed.verb} takes no manifest.`)
  const hider = createHider(settings)
  const plan = await planOf({ args: parsed, manifest, cluster, settings, hider, signal })
  const { server } = await cluster.access()
  const touchesSecrets = plan.operations.some(({ facts }) => facts.resource === 'secrets')
  const mayHoldCode = plan.operations.some(({ operation, floor }) => operation === 'exec' && floor !== undefined)
  return {
    effect: plan.effect,
    operations: plan.operations,
    judged: { args, manifest: manifest ?? null, plan: plan.judged },
    target: targetOf(connectionName, server, settings),
    request: describeRequest(args, parsed, manifest, { touchesSecrets, mayHoldCode }),
    preview: (previewSignal) => plan.preview(previewSignal),
    execute: (call, beforeCommit, executeSignal, report = () => undefined) =>
      plan.execute({ call, beforeCommit, signal: executeSignal, report }),
    release: async () => undefined,
  }
}

async function planOf(planning: Planning): Promise<Plan> {
  const plan = PLANS[planning.args.verb]
  return plan === undefined ? refuse('The verb is not offered.') : plan(planning)
}

function targetOf(connection: string, server: URL, settings: KubernetesConnection): Json {
  const { context, namespace, inCluster, mask } = settings
  return { connection, server: server.href, context: context ?? null, inCluster: inCluster ?? false, namespace, mask }
}
