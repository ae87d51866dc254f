import type { Operation } from '../../../call.ts'
import { findHazard } from '../../ssh_exec/judge/findHazard.ts'
import { isReadOnly } from '../../ssh_exec/judge/isReadOnly.ts'
import { unwrapCommand } from '../../ssh_exec/judge/unwrapCommand.ts'
import { refuse } from '../args/refuse.ts'
import { textAt } from '../cluster/apiObject.ts'
import { runInContainer } from '../cluster/openChannel.ts'
import { resourcePath } from '../cluster/openCluster.ts'
import { operationOf } from '../judge/operations.ts'
import { outputOf } from '../outputOf.ts'
import type { Plan, Planning } from '../plan.ts'
import { absent, choosePods } from '../read/choosePods.ts'
import { defaultContainer } from '../read/planLogs.ts'
import { textFlag } from '../scope.ts'
import { readLive } from './judgeChanges.ts'
import { uidOf } from './objectState.ts'

/** exec: one command in one container, word by word: no shell of ours reads it, and it gets no input and no terminal. */
export async function planExec(planning: Planning): Promise<Plan> {
  const { args, cluster, settings, signal } = planning
  const { command } = args
  if (command === undefined || command.length === 0)
    refuse('exec needs -- and the command: exec web-1 -- cat /etc/hostname.')
  if (args.positionals.length === 0) refuse('exec needs a pod: exec web-1 -- cat /etc/hostname.')
  const chosen = await choosePods(planning)
  const [name] = chosen.names
  const pod =
    chosen.problem === undefined && name !== undefined
      ? await readLive({ ...chosen, name }, cluster, signal).catch(() => undefined)
      : undefined
  const container = textFlag(args, 'container') ?? (pod && defaultContainer(pod)) ?? ''
  const checkThere = () => {
    if (chosen.problem !== undefined) throw chosen.problem
    if (pod === undefined || name === undefined) absent('404 NotFound: the pod is not there.')
    return name
  }
  return {
    effect: 'write',
    operations: judgeCommand(operationOf('exec', { ...chosen, subresource: 'exec', command }, true), command),
    judged: { command, container, pod: uidOf(pod) },
    async preview() {
      const there = checkThere()
      const image = textAt(pod, 'status', 'phase') ?? 'unknown'
      const lines = [
        `runs in the container ${container} of pods/${there} in ${chosen.namespace} (${image}, uid ${uidOf(pod)})`,
      ]
      return { rows: 1, lines, sample: undefined, missing: ['a command has no dry run'] }
    },
    async execute({ beforeCommit, signal: stop, report }) {
      const there = checkThere()
      await beforeCommit({ exec: there })
      report(`running in ${container}`)
      const { stdout, stderr, exitCode, truncated } = await runInContainer(
        await cluster.access(),
        {
          method: 'GET',
          path: [...resourcePath(chosen.resource, chosen.namespace, there), 'exec'],
          query: { command, container, stdout: 'true', stderr: 'true', stdin: 'false', tty: 'false' },
          about: 'pods/exec',
        },
        settings.limits,
        stop,
      )
      return outputOf(planning, 'exec', {
        texts: [
          { name: 'stdout', text: stdout },
          { name: 'stderr', text: stderr },
        ],
        facts: { exit_code: exitCode, container },
        truncated,
      })
    },
  }
}

/** Judged as ssh_exec judges it: what can run anything is for a person, whatever a pattern says. */
function judgeCommand(operation: Operation, command: readonly string[]): readonly Operation[] {
  const { argv, unclear, wrappers } = unwrapCommand(command)
  const hazard = unclear ?? (isReadOnly(argv) ? undefined : findHazard(argv))
  const wrapped = wrappers.length === 0 ? undefined : `it runs under ${wrappers.map(({ name }) => name).join(', ')}`
  const because = hazard ?? wrapped
  return [because === undefined ? operation : { ...operation, floor: 'require-approval', because }]
}
