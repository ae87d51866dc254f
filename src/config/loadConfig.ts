import { dirname } from 'node:path'
import type { PolicyContext } from '../policy/compilePolicy.ts'
import type { JudgedTool } from '../policy/settings.ts'
import { requireShape } from '../settings/checkShape.ts'
import { type Problem, stopOn } from '../settings/configError.ts'
import { readYaml, type YamlFile } from '../settings/readYaml.ts'
import { checkNames } from './checkNames.ts'
import { findFiles } from './findFiles.ts'
import { resolvePaths } from './resolvePaths.ts'
import { type ConfigFile, configFile } from './schema.ts'
import { isLoopbackHost } from './serverSettings.ts'

/**
 * countersign.yaml, checked and frozen. Durations are milliseconds, sizes bytes, paths absolute. Secrets are still
 * references: they are read when they are needed.
 */
export interface Config extends Omit<ConfigFile, 'server' | 'policies'> {
  /** The path it was loaded from, as given. */
  readonly file: string
  readonly server: ServerConfig
  /** The policy files that the patterns name, in order, each once. Not read yet. */
  readonly policyFiles: readonly string[]
}

interface ServerConfig extends Omit<ConfigFile['server'], 'publicUrl'> {
  readonly publicUrl: string
}

/**
 * Reads countersign.yaml. Throws a ConfigError with every problem, each at file:line:column. Reads no secret and
 * connects to nothing: `countersign check` does.
 */
export async function loadConfig(path: string): Promise<Config> {
  const yaml = await readYaml(path)
  const settings = requireShape(configFile, yaml)
  const folder = dirname(path)
  const { policyFiles, problems } = findPolicies(settings, yaml, folder)
  stopOn([...checkNames(settings, yaml), ...problems])

  const { server, policies: _, ...rest } = resolvePaths(settings, folder)
  return deepFreeze({ ...rest, file: path, server: withDefaults(server), policyFiles })
}

/** The names of a configuration that policies may use, with the tools that they will judge. */
export function policyContextOf(config: Config, tools: readonly JudgedTool[]): PolicyContext {
  return {
    tools,
    groups: new Map(Object.entries(config.groups)),
    connections: new Map(Object.entries(config.connections)),
    providers: config.identity.map(({ name }) => name),
    reviewers: Object.keys(config.approvals.reviewers),
    defaultReviewers: config.approvals.defaultReviewers,
  }
}

function findPolicies({ policies }: ConfigFile, yaml: YamlFile, folder: string) {
  const problems: Problem[] = []
  const files = policies.flatMap((pattern, index) => {
    const found = findFiles(folder, pattern)
    if (found.length === 0) {
      problems.push({ ...yaml.placeOf(['policies', index]), message: 'no policy file has this name' })
    }
    return found
  })
  return { policyFiles: [...new Set(files)], problems }
}

function withDefaults(server: ConfigFile['server']): ServerConfig {
  const { host, port } = server.listen
  const publicUrl = server.publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}/mcp`
  const { hostname } = new URL(publicUrl)
  // On this machine people write any of its names, and none of them can be rebound.
  const ownHosts = isLoopbackHost(hostname) ? [...new Set([hostname, '127.0.0.1', 'localhost', '[::1]'])] : [hostname]
  return { ...server, publicUrl, allowedHosts: server.allowedHosts.length > 0 ? server.allowedHosts : ownHosts }
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
