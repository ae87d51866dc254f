import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { GateError } from '../../src/errors.ts'
import { decide } from '../../src/policy/decide.ts'
import type { PolicySet } from '../../src/policy/policySet.ts'
import { sshConnection } from '../../src/tools/ssh_exec/settings.ts'
import { createSshExec } from '../../src/tools/ssh_exec/tool.ts'
import type { ToolArguments } from '../../src/tools/tool.ts'
import { sshTool } from '../policy/judgedTools.ts'
import { call, caller, policiesOf } from '../policy/policies.ts'

type Verdict = 'allowed' | 'pending' | 'denied' | 'refused'

interface Input {
  readonly id: string
  readonly class: string
  readonly args: Readonly<Record<string, unknown>>
  readonly want: Verdict
  readonly policy: 'pack' | 'careless'
}

interface Group {
  readonly group: string
  readonly class?: string
  readonly want?: Verdict
  readonly policy?: 'pack' | 'careless'
  readonly inputs: readonly (string | readonly string[] | (Record<string, unknown> & { want?: Verdict }))[]
}

function readCorpus(name: string): readonly Input[] {
  const groups = parse(readFileSync(new URL(`./ssh_exec.${name}.yaml`, import.meta.url), 'utf8')) as readonly Group[]
  return groups.flatMap((group) =>
    group.inputs.map((written, index) => {
      const { want, repeat, times, ...args } =
        typeof written === 'string'
          ? { want: undefined, command: written }
          : Array.isArray(written)
            ? { want: undefined, argv: written }
            : (written as Record<string, unknown>)
      return {
        id: `${group.group}-${index + 1}`,
        class: group.class ?? group.group,
        args: typeof repeat === 'string' ? { command: repeat.repeat(Number(times)) } : args,
        want: (want as Verdict | undefined) ?? group.want ?? 'allowed',
        policy: group.policy ?? 'pack',
      }
    }),
  )
}

const AGENTS = '6f1c1b3e-0000-4000-8000-0000000000cc'
const example = (name: string) => readFileSync(new URL(`../../examples/policies/${name}.yaml`, import.meta.url), 'utf8')

/** Rules of somebody who opens commands with holes for anything. */
const hostileNames = () => [
  ...new Set(
    readCorpus('hostile')
      .filter(({ policy, want }) => policy === 'careless' && want === 'pending')
      .map(({ args }) => nameOf(args)),
  ),
]
const nameOf = ({ argv, command }: Readonly<Record<string, unknown>>) =>
  Array.isArray(argv) ? String(argv[0]) : (String(command).split(' ')[0] ?? '')
const CARELESS = () => `
policy: careless
subjects: { groups: [ssh-agents] }
connections: [web-1]
rules:
  - name: all
    action: allow
    match:
      operation: run
      command:
${hostileNames()
  .map((name) => {
    const flags = flagsOf(name)
    return `        - [${JSON.stringify(name)}, { flags: ${JSON.stringify(flags)} }, "{text}..."]\n        - [${JSON.stringify(name)}, { flags: ${JSON.stringify(flags)} }]`
  })
  .join('\n')}
`

/** Every option that the corpus gives to a command, as a rule of somebody careless would list them. */
function flagsOf(name: string): readonly string[] {
  const words = readCorpus('hostile')
    .filter(({ args, policy }) => policy === 'careless' && nameOf(args) === name)
    .flatMap(({ args }) => (Array.isArray(args.argv) ? args.argv.map(String) : String(args.command).split(' ')))
    .filter((word) => /^-[^ {}]+$/.test(word) && !word.includes("'"))
  return words.length === 0 ? ['-x'] : [...new Set(words)]
}

const over = { tools: [sshTool], groups: new Map([['ssh-agents', AGENTS]]) }
const policies: Readonly<Record<Input['policy'], PolicySet>> = {
  pack: policiesOf([example('ssh-read-only'), example('ssh-operations')], over),
  careless: policiesOf([CARELESS()], over),
}

const { tool } = createSshExec({
  readSecret: async () => '',
  alsoSecret: () => undefined,
  connections: () => ({
    'web-1': sshConnection.parse({
      type: 'ssh',
      host: '127.0.0.1',
      port: 1,
      user: 'gate',
      password: { env: 'NONE' },
      hostKey: `SHA256:${'A'.repeat(43)}`,
    }),
  }),
})

async function verdictOf({ args, policy }: Input): Promise<Verdict> {
  const parsed = tool.input.safeParse({ connection: 'web-1', ...args })
  if (!parsed.success) return 'refused'
  try {
    const { operations } = await tool.understand(parsed.data as ToolArguments, 'web-1', new AbortController().signal)
    const judged = call(operations, {
      caller: caller({ groups: { known: true, ids: [AGENTS] } }),
      connection: { name: 'web-1', labels: {} },
      tool: 'ssh_exec',
    })
    const { action } = decide(judged, policies[policy])
    return action === 'allow' ? 'allowed' : action === 'deny' ? 'denied' : 'pending'
  } catch (error) {
    if (error instanceof GateError) return 'refused'
    throw error
  }
}

const worse = (input: Input, verdict: Verdict) =>
  `${input.id} (${input.class}): ${verdict}, not ${input.want}: ${JSON.stringify(input.args).slice(0, 160)}`

describe('ssh_exec under the rule pack', () => {
  test('every hostile line gets the verdict that it must get', async () => {
    const inputs = readCorpus('hostile')
    const wrong: string[] = []
    for (const input of inputs) {
      const verdict = await verdictOf(input)
      if (verdict !== input.want) wrong.push(worse(input, verdict))
    }
    console.log(`ssh_exec hostile: ${inputs.length - wrong.length} of ${inputs.length} right`)
    expect(wrong).toEqual([])
    expect(inputs.length).toBeGreaterThanOrEqual(80)
    expect(inputs.filter(({ want }) => want === 'allowed')).toEqual([])
  })

  test('ordinary work is not stopped needlessly', async () => {
    const inputs = readCorpus('ordinary')
    const wrong: string[] = []
    for (const input of inputs) {
      const verdict = await verdictOf(input)
      if (verdict !== input.want) wrong.push(worse(input, verdict))
    }
    const share = (100 * (inputs.length - wrong.length)) / inputs.length
    console.log(
      `ssh_exec ordinary: ${inputs.length - wrong.length} of ${inputs.length} as wanted (${share.toFixed(1)} %)`,
    )
    expect(wrong).toEqual([])
    expect(inputs.length).toBeGreaterThanOrEqual(60)
    expect(inputs.filter(({ want }) => want === 'allowed').length).toBeGreaterThanOrEqual(60)
  })
})
