import { type Gate, loadGate } from '../config/liveConfig.ts'
import { secretsOf } from '../config/secretsOf.ts'
import { GateError } from '../errors.ts'
import { selects } from '../policy/bindPolicy.ts'
import type { JudgedTool } from '../policy/settings.ts'
import { ConfigError, formatProblem, type Problem } from '../settings/configError.ts'
import type { ReadSecret, SecretReference } from '../settings/secretReference.ts'
import { paint, type Style, showSafely, type Terminal } from './terminal.ts'

interface Finding {
  readonly level: 'ok' | 'warning' | 'error'
  /** What it is about: a file and line, a path in the configuration, a connection. */
  readonly about: string
  readonly message: string
}

/** Looks at one real thing: connects to a target, opens a store. Answers findings or throws; changes nothing. */
interface SelfTest {
  readonly about: string
  run(): Promise<readonly Finding[]>
}

export interface CheckParts {
  readonly tools: readonly JudgedTool[]
  readonly readSecret: ReadSecret
  /** What is unwise about where a secret is kept; undefined when nothing is. */
  readonly inspectSecret: (reference: SecretReference) => Promise<string | undefined>
  readonly selfTests: (gate: Gate) => readonly SelfTest[]
}

/**
 * `countersign check`. Exit code 0: it would work (warnings included); 1: something outside the files would not; 2: a
 * file does not load.
 */
export async function runCheck(
  { configPath, json }: { readonly configPath: string; readonly json: boolean },
  parts: CheckParts,
  terminal: Terminal,
): Promise<0 | 1 | 2> {
  const { findings, loaded } = await check(configPath, parts)
  if (json) terminal.write(JSON.stringify({ findings }, undefined, 2))
  else for (const line of render(findings, terminal)) terminal.write(line)
  if (!loaded) return 2
  return findings.some(({ level }) => level === 'error') ? 1 : 0
}

async function check(configPath: string, parts: CheckParts) {
  let gate: Gate
  try {
    gate = await loadGate(configPath, parts.tools)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { loaded: false, findings: error.problems.map((problem) => fromProblem('error', problem)) }
  }
  const { config, policies } = gate
  const rules = policies.policies.reduce((sum, policy) => sum + policy.rules.length, 0)
  const findings: Finding[] = [
    {
      level: 'ok',
      about: config.file,
      message: `${counted(policies.policies.length, 'policy', 'policies')}, ${counted(rules, 'rule')}, ${counted(Object.keys(config.connections).length, 'connection')}; policy version ${policies.version.slice(0, 19)}`,
    },
    ...policies.warnings.map((problem) => fromProblem('warning', problem)),
    ...inspectGate(gate),
  ]
  for (const { path, reference } of secretsOf({ ...config, policyFiles: undefined })) {
    findings.push(await checkSecret(path, reference, parts))
  }
  const tests = parts.selfTests(gate)
  const results = await Promise.all(tests.map(runSelfTest))
  return { loaded: true, findings: [...findings, ...results.flat()] }
}

/** What loads, and is probably not what was meant. */
function inspectGate({ config, policies }: Gate): Finding[] {
  const warn = (about: string, message: string): Finding => ({ level: 'warning', about, message })
  const findings: Finding[] = []
  if (config.server.insecureLoopback) {
    findings.push(
      warn('server.insecureLoopback', 'tokens and keys travel over plain http; for tests and the demo only'),
    )
  }
  const gates = policies.policies.some(({ rules }) => rules.some(({ action }) => action === 'require-approval'))
  if (gates && config.approvals.reviewerApp === undefined) {
    findings.push(warn('approvals.reviewerApp', 'not set, so nobody can vote and gated calls expire'))
  }
  findings.push(...inspectEscalation({ config, policies }))
  for (const [name, { labels }] of Object.entries(config.connections)) {
    const named = policies.policies.some(({ connections }) =>
      connections.some((selector) => selects(selector, { name, labels })),
    )
    if (!named) findings.push(warn(`connections.${name}`, 'no policy is about this connection, so nobody can use it'))
  }
  return findings
}

/** A request that expires before it moves never moves. */
function inspectEscalation({ config, policies }: Pick<Gate, 'config' | 'policies'>): Finding[] {
  const { escalation, ttl } = config.approvals
  const warn = (about: string, to: string): Finding => ({
    level: 'warning',
    about,
    message: `a request expires before it moves to ${to}: "after" is not shorter than the ttl`,
  })
  const rules = policies.policies.flatMap((policy) =>
    policy.rules.filter(({ action }) => action === 'require-approval'),
  )
  const late = rules.flatMap(({ approval, place }) => {
    const configured = escalation && { afterMs: escalation.after, to: escalation.to }
    const moves = approval.escalation ?? configured
    if (moves === undefined || moves === 'none' || moves.afterMs < (approval.ttlMs ?? ttl)) return []
    // Said once for all rules that say nothing themselves.
    if (approval.escalation === undefined && approval.ttlMs === undefined) return []
    return [warn(`${place.file}:${place.line}:${place.column}`, moves.to)]
  })
  const always = escalation !== undefined && escalation.after >= ttl
  return always ? [warn('approvals.escalation', escalation.to), ...late] : late
}

async function checkSecret(path: string, reference: SecretReference, parts: CheckParts): Promise<Finding> {
  try {
    await parts.readSecret(reference)
  } catch (error) {
    return { level: 'error', about: path, message: safeMessage(error) }
  }
  const unwise = await parts.inspectSecret(reference)
  return unwise === undefined
    ? { level: 'ok', about: path, message: 'can be read' }
    : { level: 'warning', about: path, message: unwise }
}

async function runSelfTest({ about, run }: SelfTest): Promise<readonly Finding[]> {
  try {
    return await run()
  } catch (error) {
    return [{ level: 'error', about, message: safeMessage(error) }]
  }
}

/** Only messages that were written to be shown; a driver's own may hold anything. */
function safeMessage(error: unknown): string {
  if (error instanceof GateError) return error.message
  return 'failed for a reason that is not safe to show; the log of `countersign serve` has it'
}

function fromProblem(level: Finding['level'], problem: Problem): Finding {
  const line = formatProblem(problem)
  return { level, about: line.slice(0, line.length - problem.message.length - 2), message: problem.message }
}

const MARKS: Readonly<Record<Finding['level'], readonly [string, Style]>> = {
  ok: ['ok     ', 'green'],
  warning: ['warning', 'yellow'],
  error: ['error  ', 'red'],
}

function render(findings: readonly Finding[], terminal: Terminal): string[] {
  const lines = findings.map(({ level, about, message }) => {
    const [mark, style] = MARKS[level]
    return `${paint(terminal, style, mark)}  ${paint(terminal, 'bold', showSafely(about))}: ${showSafely(message)}`
  })
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length
  return [...lines, '', `${counted(count('error'), 'error')}, ${counted(count('warning'), 'warning')}`]
}

function counted(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
