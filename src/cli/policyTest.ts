import { readdir } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import type { Decision } from '../call.ts'
import { type Gate, loadGate } from '../config/liveConfig.ts'
import { policyContextOf } from '../config/loadConfig.ts'
import { GateError } from '../errors.ts'
import { type Moment, ruleKey, unusedAt } from '../policy/circumstances.ts'
import { decide } from '../policy/decide.ts'
import { callerFrom } from '../policy/describedCaller.ts'
import { sentenceFor } from '../policy/explain.ts'
import type { JudgedTool } from '../policy/settings.ts'
import { compareDecision, isReportable, operationFrom, type PolicyTest, policyTestFile } from '../policy/testFile.ts'
import { requireShape } from '../settings/checkShape.ts'
import { type Problem, stopOn } from '../settings/configError.ts'
import { suggest } from '../settings/nearest.ts'
import { readYaml, type YamlFile } from '../settings/readYaml.ts'
import type { UnderstandOperations } from './explain.ts'
import { paint, showSafely, type Terminal } from './terminal.ts'

interface PolicyTestResult {
  readonly file: string
  readonly line: number
  readonly name: string
  readonly passed: boolean
  /** What differs, and the verdicts that led there. */
  readonly differences: readonly string[]
}

interface PolicyTestParts {
  readonly tools: readonly JudgedTool[]
  /** For tests that give `sql` or `arguments`; without it they fail. */
  readonly understand: UnderstandOperations | undefined
}

/**
 * `countersign policy test [DIR]`: runs every `*.test.yaml` below a folder. Exit code 0: all pass; 1: some do not. A
 * ConfigError (a test file, configuration or policy does not load) or ERR_ARGUMENTS (no test was found) is thrown: 2.
 */
export async function runPolicyTests(
  { folder, json }: { readonly folder: string; readonly json: boolean },
  parts: PolicyTestParts,
  terminal: Terminal,
): Promise<0 | 1> {
  const files = await findTestFiles(folder)
  if (files.length === 0) throw new GateError('ERR_ARGUMENTS', { detail: `No *.test.yaml was found below ${folder}.` })
  const results: PolicyTestResult[] = []
  for (const file of files) results.push(...(await runTestFile(file, parts)))
  const failed = results.filter(({ passed }) => !passed).length
  if (json) terminal.write(JSON.stringify({ passed: results.length - failed, failed, results }, undefined, 2))
  else print(results, failed, terminal)
  return failed === 0 ? 0 : 1
}

async function runTestFile(file: string, parts: PolicyTestParts): Promise<PolicyTestResult[]> {
  const yaml = await readYaml(file)
  const settings = requireShape(policyTestFile, yaml)
  const configPath = isAbsolute(settings.config) ? settings.config : join(dirname(file), settings.config)
  const gate = await loadGate(configPath, parts.tools)
  const { groups, providers } = policyContextOf(gate.config, parts.tools)
  const problems: Problem[] = []
  const callers = new Map(
    Object.entries(settings.callers).map(([name, described]) => {
      const caller = callerFrom(described, groups, providers)
      if (typeof caller === 'string') problems.push({ ...yaml.placeOf(['callers', name, 'groups']), message: caller })
      return [name, caller]
    }),
  )
  const prepared = settings.tests.map((test, index) => {
    const found = prepare(test, index, gate, parts, yaml)
    const caller = callers.get(test.caller)
    if (caller === undefined) {
      const message = `no caller is called "${test.caller}"${suggest(test.caller, [...callers.keys()])}`
      problems.push({ ...yaml.placeOf(['tests', index, 'caller']), message })
    }
    problems.push(...found.problems)
    return { test, caller, tool: found.tool, index }
  })
  stopOn(problems)

  const results: PolicyTestResult[] = []
  for (const { test, caller, tool, index } of prepared) {
    if (caller === undefined || typeof caller === 'string' || tool === undefined) throw new TypeError('not prepared')
    const differences = await runTest(test, tool, caller, gate, parts)
    const { line } = yaml.placeOf(['tests', index])
    results.push({ file, line, name: test.name, passed: differences.length === 0, differences })
  }
  return results
}

/** The tool of a test, and everything in the test that names something which does not exist. */
function prepare(
  test: PolicyTest,
  index: number,
  { config, policies }: Gate,
  { tools }: PolicyTestParts,
  yaml: YamlFile,
) {
  const problems: Problem[] = []
  const say = (key: readonly PropertyKey[], message: string) => {
    problems.push({ ...yaml.placeOf(['tests', index, ...key]), message })
  }
  const names = Object.keys(config.connections)
  const connection = names.includes(test.connection) ? config.connections[test.connection] : undefined
  if (connection === undefined) {
    say(['connection'], `no connection is called "${test.connection}"${suggest(test.connection, names)}`)
    return { tool: undefined, problems }
  }
  const fitting = tools.filter(({ connectionType }) => connectionType === connection.type)
  const known = fitting.map(({ name }) => name)
  const wanted = test.tool ?? (test.sql === undefined ? known.length === 1 && known[0] : 'run_sql')
  const tool = fitting.find(({ name }) => name === wanted)
  if (tool === undefined) {
    say(['tool'], `this connection has no such tool, or several${suggest(test.tool, known)}`)
    return { tool, problems }
  }
  for (const rule of Object.keys(test.used ?? {})) {
    const rated = policies.rated.flatMap((one) => [one.rule, ruleKey(one)])
    if (!rated.includes(rule)) say(['used', rule], `no rule with atMost is called "${rule}"${suggest(rule, rated)}`)
  }
  test.operations?.forEach((written, at) => {
    const { operation } = operationFrom(written)
    if (isReportable(operation, tool)) return
    say(['operations', at], `${tool.name} never reports "${operation}"${suggest(operation, tool.operations)}`)
  })
  return { tool, problems }
}

async function runTest(
  test: PolicyTest,
  tool: JudgedTool,
  caller: Exclude<ReturnType<typeof callerFrom>, string>,
  gate: Gate,
  { understand }: PolicyTestParts,
): Promise<string[]> {
  const labels = gate.config.connections[test.connection]?.labels ?? {}
  const connection = { name: test.connection, labels }
  const moment = momentOf(test, gate.policies)
  let decision: Decision
  if (test.operations !== undefined) {
    const operations = test.operations.map(operationFrom)
    decision = decide({ caller, connection, tool: tool.name, operations, moment }, gate.policies)
  } else {
    if (understand === undefined) return ['this test needs the target, and there is no connection to it here']
    const args = { ...(test.arguments ?? { sql: test.sql }), connection: test.connection }
    try {
      const operations = await understand(gate, tool.name, args)
      decision = decide({ caller, connection, tool: tool.name, operations, moment }, gate.policies)
    } catch (error) {
      if (!(error instanceof GateError)) throw error
      // What cannot be understood is refused before policy is asked: a denial, but not by any rule.
      if (isPlainDenial(test.expect) && !isOutage(error)) return []
      return [`refused before policy: ${error.message} (${error.code})`]
    }
  }
  const differences = compareDecision(test.expect, decision)
  return differences.length === 0 ? [] : [...differences, ...decision.verdicts.map(sentenceFor)]
}

/** Now and unused, where the test does not say. */
function momentOf({ at, used = {} }: PolicyTest, { rated }: Gate['policies']): Moment {
  const moment = unusedAt(at ?? Date.now(), rated)
  const named = rated.flatMap((rule): [string, number][] => {
    const [, times] = Object.entries(used).find(([name]) => name === ruleKey(rule) || name === rule.rule) ?? []
    return times === undefined ? [] : [[ruleKey(rule), times]]
  })
  return { ...moment, used: new Map([...moment.used, ...named]) }
}

function isPlainDenial(expected: PolicyTest['expect']): boolean {
  if (typeof expected === 'string') return expected === 'deny'
  return expected.action === 'deny' && Object.keys(expected).length === 1
}

/** A target that does not answer proves nothing about a policy. */
function isOutage({ code }: GateError): boolean {
  return code === 'ERR_TARGET_UNAVAILABLE' || code === 'ERR_TARGET_FAILED' || code === 'ERR_SECRET'
}

async function findTestFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const found = await Promise.all(
    entries.map((entry) => {
      const path = join(folder, entry.name)
      if (entry.name.startsWith('.') || entry.name === 'node_modules') return []
      if (entry.isDirectory()) return findTestFiles(path)
      return entry.name.endsWith('.test.yaml') ? [path] : []
    }),
  )
  return found.flat().sort()
}

function print(results: readonly PolicyTestResult[], failed: number, terminal: Terminal): void {
  for (const { file, line, name, passed, differences } of results) {
    const mark = passed ? paint(terminal, 'green', 'ok  ') : paint(terminal, 'red', 'FAIL')
    terminal.write(
      `${mark}  ${showSafely(name)}${passed ? '' : paint(terminal, 'dim', `  ${showSafely(file)}:${line}`)}`,
    )
    for (const difference of differences) terminal.write(`      ${showSafely(difference)}`)
  }
  terminal.write()
  terminal.write(`${results.length - failed} passed, ${failed} failed`)
}
