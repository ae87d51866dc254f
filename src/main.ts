#!/usr/bin/env node
/** The command line. Parts are loaded when a command needs them: most commands need little of the gateway. */
import { type CommandLine, createProgram } from './cli/commands/commandLine.ts'
import { defineApprovals } from './cli/commands/defineApprovals.ts'
import { defineAudit } from './cli/commands/defineAudit.ts'
import { defineCheck } from './cli/commands/defineCheck.ts'
import { defineDemo } from './cli/commands/defineDemo.ts'
import { defineExplain } from './cli/commands/defineExplain.ts'
import { defineInit } from './cli/commands/defineInit.ts'
import { definePolicyTest } from './cli/commands/definePolicyTest.ts'
import { defineRevoke } from './cli/commands/defineRevoke.ts'
import { defineServe } from './cli/commands/defineServe.ts'
import { defineSetupSql } from './cli/commands/defineSetupSql.ts'
import { reportFailure } from './cli/reportFailure.ts'
import type { Output } from './cli/reviewerApi.ts'
import { openTerminal } from './cli/terminal.ts'
import { VERSION } from './version.ts'

const io: Output = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
}
const terminal = openTerminal(process.stdout)
// `countersign check | head`: who reads has seen enough. Ends as the signal SIGPIPE would end it, without a stack.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(141)
})

let exitCode: number = 0
const finish = async (running: Promise<number>) => {
  exitCode = await running
}
const commandLine: CommandLine = { program: createProgram(VERSION), io, finish }
const offline = () => import('./offline.ts')
const gateway = () => Promise.all([import('./startGateway.ts'), import('./adapters/log.ts')])

// In the order in which `--help` lists them.
defineServe(commandLine, async ({ config, replica }) => {
  const [{ runServe }, [{ startGateway }, { openLog }]] = await Promise.all([import('./cli/serve.ts'), gateway()])
  const log = openLog(process.stderr)
  return runServe(() => startGateway({ configPath: config, replica, log }), log)
})
defineDemo(commandLine, async (options) => {
  const [{ runDemo }, [{ startGateway }, { openLog }]] = await Promise.all([import('./demo/runDemo.ts'), gateway()])
  return runDemo(options, terminal, (configPath) => startGateway({ configPath, log: openLog(process.stderr, 'error') }))
})
defineInit(commandLine, async (request) => (await offline()).init(request, terminal))
defineSetupSql(commandLine, async (request) => (await offline()).setupSql(request, terminal))
defineCheck(commandLine, async (request) => (await offline()).check(request, terminal))
defineExplain(commandLine, async (request) => (await offline()).explain(request, terminal))
definePolicyTest(commandLine, async (request) => (await offline()).policyTest(request, terminal))
defineAudit(commandLine, {
  verify: async (folder, options) => (await offline()).auditVerify(folder, options),
  show: async (id, options) => (await import('./cli/audit.ts')).runAuditShow(id, options, process.stdout),
})
defineApprovals(commandLine)
defineRevoke(commandLine, async (request) => (await offline()).revoke(request, io))

try {
  await commandLine.program.parseAsync()
} catch (error) {
  exitCode = reportFailure(error, io)
}
process.exitCode = exitCode
