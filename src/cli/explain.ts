import type { Operation } from '../call.ts'
import { type Gate, loadGate } from '../config/liveConfig.ts'
import { policyContextOf } from '../config/loadConfig.ts'
import { GateError } from '../errors.ts'
import { unusedAt } from '../policy/circumstances.ts'
import { callerFrom, describedCaller } from '../policy/describedCaller.ts'
import { type Explanation, explain, renderExplanation } from '../policy/explain.ts'
import type { JudgedTool } from '../policy/settings.ts'
import { MOMENT, moment } from '../policy/testFile.ts'
import { requireShape } from '../settings/checkShape.ts'
import { ConfigError } from '../settings/configError.ts'
import { suggest } from '../settings/nearest.ts'
import { readYaml } from '../settings/readYaml.ts'
import type { ToolArguments } from '../tools/tool.ts'
import { paint, type Style, showSafely, type Terminal } from './terminal.ts'

export interface ExplainRequest {
  readonly configPath: string
  /** A JSON or YAML file that describes a caller: kind, groups (aliases or ids), roles, app, ... */
  readonly callerPath: string
  readonly tool: string
  /** `key=text`, or `key:=JSON` for anything that is not text. */
  readonly args: readonly string[]
  readonly json: boolean
  /** The moment of the decision, for rules with hours: a time with its offset. Now, when it is not given. */
  readonly at?: string | undefined
}

/**
 * What a tool reports about a call: its operations, without running it. Throws a GateError when it cannot be
 * understood. May connect to the target; releases what it holds before it answers.
 */
export type UnderstandOperations = (gate: Gate, tool: string, args: ToolArguments) => Promise<readonly Operation[]>

/**
 * `countersign explain`: the decision that a call would get, and why. Nothing runs and nothing is recorded. Exit code 0:
 * allowed or gated; 1: denied or not understood; a ConfigError or ERR_ARGUMENTS is thrown for wrong use (2).
 */
export async function runExplain(
  request: ExplainRequest,
  { tools, understand }: { readonly tools: readonly JudgedTool[]; readonly understand: UnderstandOperations },
  terminal: Terminal,
): Promise<0 | 1> {
  const gate = await loadGate(request.configPath, tools)
  const caller = await readCaller(request.callerPath, gate, tools)
  const args = readArguments(request.args)
  const moment = unusedAt(readMoment(request.at), gate.policies.rated)
  if (!tools.some(({ name }) => name === request.tool)) {
    throw wrongUse(
      `no tool is called "${request.tool}"${suggest(
        request.tool,
        tools.map(({ name }) => name),
      )}`,
    )
  }
  const names = Object.keys(gate.config.connections)
  const connection = Object.hasOwn(gate.config.connections, args.connection)
    ? gate.config.connections[args.connection]
    : undefined
  if (connection === undefined) throw wrongUse(`give connection=NAME${suggest(args.connection, names)}`)

  let operations: readonly Operation[]
  try {
    operations = await understand(gate, request.tool, args)
  } catch (error) {
    if (!(error instanceof GateError)) throw error
    const refusal = { action: 'deny', code: error.code, message: error.message, next: error.next }
    if (request.json) terminal.write(JSON.stringify(refusal, undefined, 2))
    else
      terminal.write(
        `${paint(terminal, 'red', 'refused')}  ${showSafely(`${error.message} ${error.next} (${error.code})`)}`,
      )
    return 1
  }
  const judged = { name: args.connection, labels: connection.labels }
  const explanation = explain({ caller, connection: judged, tool: request.tool, operations, moment }, gate.policies)
  print(explanation, request.json, terminal)
  return explanation.action === 'deny' ? 1 : 0
}

async function readCaller(path: string, { config }: Gate, tools: readonly JudgedTool[]) {
  const yaml = await readYaml(path)
  const described = requireShape(describedCaller, yaml)
  const { groups, providers } = policyContextOf(config, tools)
  const caller = callerFrom(described, groups, providers)
  if (typeof caller === 'string') throw new ConfigError([{ ...yaml.placeOf(['groups']), message: caller }])
  return caller
}

function readMoment(at: string | undefined): number {
  if (at === undefined) return Date.now()
  const read = moment.safeParse(at)
  if (!read.success) throw wrongUse(`--at takes ${MOMENT}`)
  return read.data
}

function readArguments(given: readonly string[]): ToolArguments {
  const entries = given.map((text): [string, unknown] => {
    const [, key = '', kind, value = ''] = /^([A-Za-z_][A-Za-z0-9_]*)(:?=)(.*)$/s.exec(text) ?? []
    if (kind === undefined) throw wrongUse('arguments are key=text or key:=JSON')
    if (kind === '=') return [key, value]
    try {
      return [key, JSON.parse(value)]
    } catch {
      throw wrongUse(`the value of ${key} is not JSON`)
    }
  })
  const { connection, ...rest } = Object.fromEntries(entries)
  return { ...rest, connection: typeof connection === 'string' ? connection : '' }
}

function wrongUse(detail: string): GateError {
  return new GateError('ERR_ARGUMENTS', { detail: `${detail}.` })
}

const STYLES: Readonly<Record<Explanation['action'], Style>> = {
  allow: 'green',
  'require-approval': 'yellow',
  deny: 'red',
}

function print(explanation: Explanation, json: boolean, terminal: Terminal): void {
  if (json) {
    terminal.write(JSON.stringify(explanation, undefined, 2))
    return
  }
  const [head = '', ...lines] = renderExplanation(explanation)
  terminal.write(paint(terminal, STYLES[explanation.action], showSafely(head)))
  for (const line of lines) terminal.write(showSafely(line))
}
