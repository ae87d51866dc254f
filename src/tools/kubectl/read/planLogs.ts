import type { Json } from '../../../call.ts'
import type { ToolText } from '../../tool.ts'
import { refuse } from '../args/refuse.ts'
import { listAt, textAt } from '../cluster/apiObject.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import { operationOf } from '../judge/operations.ts'
import { outputOf } from '../outputOf.ts'
import { type Plan, type Planning, readPlan } from '../plan.ts'
import { countFlag, textFlag } from '../scope.ts'
import { choosePods } from './choosePods.ts'

/** logs: the end of what containers have written; never followed. */
export async function planLogs(planning: Planning): Promise<Plan> {
  const { args, cluster, settings } = planning
  const { logLines, maxBytes } = settings.limits
  const container = textFlag(args, 'container')
  if (container !== undefined && args.flags.has('all-containers')) refuse('Choose one container, or all.')
  const chosen = await choosePods(planning)
  const operation = operationOf('logs', { ...chosen, subresource: 'log' })
  const asked = countFlag(args, 'tail') ?? logLines
  const since = textFlag(args, 'since')
  const query = {
    tailLines: String(Math.min(asked, logLines)),
    // The detectors may shorten it; what is over the cap is cut after them.
    limitBytes: String(2 * maxBytes),
    ...(since !== undefined && { sinceSeconds: String(secondsOf(since)) }),
    ...(args.flags.has('previous') && { previous: 'true' }),
    ...(args.flags.has('timestamps') && { timestamps: 'true' }),
  }
  const execute: Plan['execute'] = async ({ signal }) => {
    if (chosen.problem !== undefined) throw chosen.problem
    const texts: ToolText[] = []
    for (const name of chosen.names) {
      const path = resourcePath(chosen.resource, chosen.namespace, name)
      const pod = await cluster.ask({ method: 'GET', path, about: 'pods' }, signal)
      for (const each of args.flags.has('all-containers') ? containersOf(pod) : [container ?? defaultContainer(pod)]) {
        const text = await cluster.askText(
          {
            method: 'GET',
            path: [...path, 'log'],
            query: { ...query, container: each },
            accept: '*/*',
            about: 'pods/log',
          },
          signal,
        )
        texts.push({ name: `${name}/${each}`, text })
      }
    }
    const truncated = texts.some(({ text }) => isCut(text, asked, settings.limits))
    return outputOf(planning, 'logs', { texts, truncated })
  }
  return readPlan([operation], execute, { pods: chosen.names })
}

/** There may be more than is shown: it fills the cap of lines, which is lower than what was asked for, or that of bytes. */
function isCut(text: string, asked: number, { logLines, maxBytes }: { logLines: number; maxBytes: number }): boolean {
  if (Buffer.byteLength(text, 'utf8') >= 2 * maxBytes) return true
  return asked >= logLines && text.split('\n').length > logLines
}

function containersOf(pod: Json): readonly string[] {
  return ['initContainers', 'containers'].flatMap((key) =>
    listAt(pod, 'spec', key).flatMap((container) => textAt(container, 'name') ?? []),
  )
}

/** As kubectl chooses: the one that the pod names, else its first. */
export function defaultContainer(pod: Json): string {
  const named = textAt(pod, 'metadata', 'annotations', 'kubectl.kubernetes.io/default-container')
  const names = listAt(pod, 'spec', 'containers').map((container) => textAt(container, 'name') ?? '')
  return named !== undefined && names.includes(named) ? named : (names[0] ?? '')
}

function secondsOf(since: string): number {
  const [, hours = '0', minutes = '0', seconds = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(since) ?? []
  return Math.max(1, Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds))
}
