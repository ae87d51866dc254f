/** The composition root of commands that need no running gateway. They open what they look at, and nothing else. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { continueTrail } from './adapters/continueTrail.ts'
import { createReadSecret, inspectSecret } from './adapters/secrets.ts'
import { openSqliteStore } from './adapters/sqliteStore.ts'
import type { Revocation, StateStore } from './approvals/ports.ts'
import { loadSigningKey, OWN_PUBLIC_KEY, publicKeysOf } from './audit/signingKey.ts'
import type { Json } from './call.ts'
import { runAuditVerify, type VerifyArguments } from './cli/audit.ts'
import { runCheck } from './cli/check.ts'
import type { ExitCode } from './cli/commandStop.ts'
import type { RevokeRequest } from './cli/commands/defineRevoke.ts'
import { runExplain, type UnderstandOperations } from './cli/explain.ts'
import { type InitRequest, runInit } from './cli/init.ts'
import { runPolicyTests } from './cli/policyTest.ts'
import type { Output } from './cli/reviewerApi.ts'
import { revoke as addRevocation, listRevocations, undoRevocation } from './cli/revoke.ts'
import { runSetupSql } from './cli/setupSql.ts'
import type { Terminal } from './cli/terminal.ts'
import type { Gate } from './config/liveConfig.ts'
import { type Config, loadConfig } from './config/loadConfig.ts'
import { GateError } from './errors.ts'
import { createCredentialDetector } from './masking/credentials.ts'
import { findSecrets } from './masking/findSecrets.ts'
import { createMasker } from './masking/masker.ts'
import { maskFreeText } from './masking/maskText.ts'
import { refusePlaceholders } from './masking/refusePlaceholders.ts'
import { checkArguments } from './pipeline/readRequest.ts'
import type { ReadSecret } from './settings/secretReference.ts'
import { type OpenTools, openTools } from './tools/openTools.ts'

export async function check(request: { configPath: string; json: boolean }, terminal: Terminal): Promise<number> {
  const readSecret = createReadSecret(process.env)
  return withTools(readSecret, (opened, use) =>
    runCheck(
      request,
      {
        tools: opened.tools,
        readSecret,
        inspectSecret,
        selfTests: (gate) => {
          use(gate)
          return Object.keys(gate.config.connections).map((name) => ({
            about: `connections.${name}`,
            run: () => opened.selfTest(name),
          }))
        },
      },
      terminal,
    ),
  )
}

export async function explain(request: Parameters<typeof runExplain>[0], terminal: Terminal): Promise<number> {
  return withTools(createReadSecret(process.env), (opened, use) =>
    runExplain(request, { tools: opened.tools, understand: understandWith(opened, use) }, terminal),
  )
}

export async function policyTest(request: { folder: string; json: boolean }, terminal: Terminal): Promise<number> {
  return withTools(createReadSecret(process.env), (opened, use) =>
    runPolicyTests(request, { tools: opened.tools, understand: understandWith(opened, use) }, terminal),
  )
}

export async function setupSql(
  request: { configPath: string; connection: string; postgres: string | undefined },
  terminal: Terminal,
): Promise<number> {
  const readSecret = createReadSecret(process.env)
  return withTools(readSecret, ({ tools }) =>
    runSetupSql({ ...request, password: process.env.PGPASSWORD }, { tools, readSecret }, terminal),
  )
}

export async function init(request: Omit<InitRequest, 'password'>, terminal: Terminal): Promise<number> {
  return withTools(createReadSecret(process.env), ({ tools }) =>
    runInit({ ...request, password: process.env.PGPASSWORD }, tools, terminal),
  )
}

/** The key and the last known heads that a configuration names. */
export async function auditVerify(folder: string, args: VerifyArguments): Promise<number> {
  return runAuditVerify(folder, args, process.stdout, async (configPath) => {
    const config = await loadConfig(configPath)
    const publicKeys = await readPublicKeys(config)
    const store = openSqliteStore(config.approvals.store.sqlite)
    try {
      // Every head, whatever files are there: a replica without any has lost them all.
      return { heads: await store.heads(), publicKeys }
    } finally {
      await store.close()
    }
  })
}

async function readPublicKeys({ audit }: Config) {
  if (audit.signingKey === undefined) {
    const own = await readFile(join(audit.dir, OWN_PUBLIC_KEY), 'utf8').catch(() => undefined)
    return own === undefined ? new Map() : publicKeysOf(own)
  }
  const key = await loadSigningKey(audit.dir, audit.signingKey, createReadSecret(process.env))
  return new Map([[key.id, key.publicKey]])
}

/** The kill switch: in the store first, so that it works at once, then in a trail of its own. */
export async function revoke({ kind, id, reason, configPath, json, by }: RevokeRequest, io: Output): Promise<number> {
  const config = await loadConfig(configPath)
  const store = openSqliteStore(config.approvals.store.sqlite)
  const operator = { name: by, now: Date.now() }
  try {
    if (kind === 'list') return await listRevocations(json, store, io)
    const before = new Map((await store.revocations()).map((entry) => [entry.number, entry]))
    const code: ExitCode =
      kind === 'undo'
        ? await undoRevocation(id ?? '', operator, store, io)
        : await addRevocation(kind, id ?? '', reason, operator, store, io)
    const changed = (await store.revocations()).filter(
      (entry) => before.get(entry.number)?.undoneAt !== entry.undoneAt || !before.has(entry.number),
    )
    if (changed.length > 0) await recordRevocations(changed, config, store, io)
    return code
  } finally {
    await store.close()
  }
}

/** The running gateway is the only writer of its own trail; orders from the command line have theirs beside it. */
async function recordRevocations(
  changed: readonly Revocation[],
  config: Config,
  store: StateStore,
  io: Output,
): Promise<void> {
  const replica = 'cli'
  const readSecret = createReadSecret(process.env)
  const masker = createMasker(createCredentialDetector([]), () => {})
  try {
    const trail = await continueTrail({
      ...{ settings: config.audit, replica, store },
      key: await loadSigningKey(config.audit.dir, config.audit.signingKey, readSecret),
      onProblem: (what) => io.err(`${what}\n`),
    })
    for (const { number, kind, id, by, reason, undoneBy } of changed) {
      const revocation = String(number)
      if (undoneBy !== undefined) await trail.append({ event: 'revocation.undone', revocation, by: undoneBy })
      else
        await trail.append({
          event: 'revocation.added',
          revocation,
          kind,
          subject: id,
          by,
          reason: reason === undefined ? undefined : maskFreeText(reason, masker),
        })
    }
    await trail.close()
  } catch (error) {
    // The order stands. Taking it back because it could not be written down would serve the wrong side.
    const why = error instanceof GateError ? error.message : 'the trail could not be opened'
    io.err(`In force, but not in the trail: ${why}\n`)
  }
}

/** Tools that look at whatever configuration a command has loaded, and are closed with it. */
async function withTools(
  readSecret: ReadSecret,
  run: (opened: OpenTools, use: (gate: Gate) => void) => Promise<number>,
): Promise<number> {
  let connections: Config['connections'] = {}
  // A command shows no output of a target, so there is no masker to teach.
  const opened = openTools({ readSecret, alsoSecret: () => {}, connections: () => connections, findSecrets })
  try {
    return await run(opened, (gate) => {
      connections = gate.config.connections
    })
  } finally {
    await opened.close()
  }
}

function understandWith({ tools }: OpenTools, use: (gate: Gate) => void): UnderstandOperations {
  return async (gate, name, args) => {
    use(gate)
    const tool = tools.find((candidate) => candidate.name === name)
    if (tool === undefined) throw new GateError('ERR_TOOL_UNKNOWN')
    refusePlaceholders(args as unknown as Json)
    const checked = checkArguments(tool.input, args as unknown as Json)
    const understanding = await tool.understand(checked, checked.connection, new AbortController().signal)
    try {
      return understanding.operations
    } finally {
      await understanding.release()
    }
  }
}
