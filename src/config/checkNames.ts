import { checkIdentitySettings, slackProviderOf } from '../identity/checkIdentitySettings.ts'
import { nameOf } from '../settings/checkShape.ts'
import type { Problem } from '../settings/configError.ts'
import { suggest } from '../settings/nearest.ts'
import type { YamlFile } from '../settings/readYaml.ts'
import type { ConfigFile } from './schema.ts'
import { isLoopbackHost } from './serverSettings.ts'

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What the schemas cannot see, because it takes more than one part of the file. */
export function checkNames(settings: ConfigFile, yaml: YamlFile): Problem[] {
  const { identity, approvals, server } = settings
  const issues = checkIdentitySettings({
    identity,
    reviewerApp: approvals.reviewerApp,
    insecureLoopback: server.insecureLoopback,
  })
  return [
    ...checkServer(settings, yaml),
    ...issues.map(({ path, message }) => ({ ...yaml.placeOf(path), message: `${nameOf(path)}${message}` })),
    ...checkGroups(settings, yaml),
    ...checkReviewers(settings, yaml),
    ...checkConsole(settings, yaml),
    ...checkSlack(settings, yaml),
    ...checkWebhooks(settings, yaml),
    ...checkRepositories(settings, yaml),
    ...checkEmail(settings, yaml),
  ]
}

/** People log in to the console through the reviewer app: without one its pages would let nobody in. */
function checkConsole({ approvals }: ConfigFile, yaml: YamlFile): Problem[] {
  if (approvals.console?.enabled !== true || approvals.reviewerApp !== undefined) return []
  const message = 'approvals.console: needs approvals.reviewerApp, through which people log in'
  return [{ ...yaml.placeOf(['approvals', 'console']), message }]
}

/** Object ids must be as tokens carry them: one that differs in a letter is another person, who may approve for the first. */
function checkSlack({ approvals: { slack, reviewerApp }, identity, server }: ConfigFile, yaml: YamlFile): Problem[] {
  if (slack === undefined) return []
  const say = (path: readonly string[], message: string): Problem => ({
    ...yaml.placeOf(['approvals', 'slack', ...path]),
    message: `${['approvals.slack', ...path].join('.')}: ${message}`,
  })
  const problems: Problem[] = []
  if (slack.apiUrl !== undefined && !server.insecureLoopback) {
    problems.push(say(['apiUrl'], 'needs server.insecureLoopback: whoever answers there can forge every approval'))
  }
  const provider = slackProviderOf(identity, slack, reviewerApp)
  if (provider === undefined) {
    const names = identity.map(({ name }) => name).join(', ')
    problems.push(say(['provider'], `name the identity provider that the object ids belong to: one of ${names}`))
  }
  if (slack.matchEmail && !(provider?.type === 'entra' && provider.graph !== undefined)) {
    problems.push(
      say(['matchEmail'], 'needs an Entra provider with `graph`: only the directory knows whose an address is'),
    )
  }
  if (provider?.type === 'entra') {
    for (const [user, person] of Object.entries(slack.users)) {
      if (!LOWER_GUID.test(person))
        problems.push(say(['users', user], 'the object id of an Entra user is a GUID in lower case'))
    }
  }
  return problems
}

function checkEmail({ approvals: { email, reviewers } }: ConfigFile, yaml: YamlFile): Problem[] {
  const sets = Object.keys(reviewers)
  return Object.keys(email?.to ?? {}).flatMap((set) => {
    if (sets.includes(set)) return []
    const path = ['approvals', 'email', 'to', set]
    const message = `approvals.email.to: no reviewer set has the name "${set}"${suggest(set, sets)}`
    return [{ ...yaml.placeOfKey(path), message }]
  })
}

function checkWebhooks({ approvals: { webhooks }, server }: ConfigFile, yaml: YamlFile): Problem[] {
  if (server.insecureLoopback) return []
  return webhooks.flatMap(({ url }, index) => {
    if (new URL(url).protocol === 'https:') return []
    const path = ['approvals', 'webhooks', index, 'url']
    return [{ ...yaml.placeOf(path), message: `${nameOf(path)}plain http needs server.insecureLoopback: use https` }]
  })
}

/** Over plain http a password is read by whoever is on the way, and what is pushed can be changed there. */
function checkRepositories({ connections, server }: ConfigFile, yaml: YamlFile): Problem[] {
  if (server.insecureLoopback) return []
  return Object.entries(connections).flatMap(([name, connection]) => {
    if (connection.type !== 'git' || !connection.url.startsWith('http:')) return []
    const path = ['connections', name, 'url']
    return [{ ...yaml.placeOf(path), message: `${nameOf(path)}plain http needs server.insecureLoopback: use https` }]
  })
}

const LOWER_GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function checkServer({ server }: ConfigFile, yaml: YamlFile): Problem[] {
  if (isLoopbackHost(server.listen.host)) return []
  const say = (key: string, message: string): Problem => ({
    ...yaml.placeOf(['server', key]),
    message: `server.${key}: ${message}`,
  })
  const problems: Problem[] = []
  if (server.publicUrl === undefined) {
    problems.push(
      say('publicUrl', 'required when the server listens beyond loopback: tokens and clients are bound to it'),
    )
  } else if (!server.publicUrl.startsWith('https:')) {
    problems.push(say('publicUrl', 'must be https when the server listens beyond loopback'))
  }
  if (server.allowedHosts.length === 0) {
    problems.push(say('allowedHosts', 'required when the server listens beyond loopback: it stops DNS rebinding'))
  }
  if (server.insecureLoopback) {
    problems.push(say('insecureLoopback', 'cannot be combined with listening beyond loopback'))
  }
  return problems
}

/** Entra puts object ids into tokens. A display name would load, match nobody, and make every deny rule for it void. */
function checkGroups({ groups, identity }: ConfigFile, yaml: YamlFile): Problem[] {
  if (!identity.every(({ type }) => type === 'entra')) return []
  return Object.entries(groups)
    .filter(([, id]) => !GUID.test(id))
    .map(([alias]) => ({
      ...yaml.placeOf(['groups', alias]),
      message: `groups.${alias}: Entra names groups by their object id, a GUID such as 6f1c1b3e-0000-4000-8000-0000000000aa`,
    }))
}

function checkReviewers({ approvals, groups }: ConfigFile, yaml: YamlFile): Problem[] {
  return Object.entries(approvals.reviewers).flatMap(([set, { groups: named }]) =>
    named.flatMap((group, index) => {
      if (Object.hasOwn(groups, group) || GUID.test(group)) return []
      const path = ['approvals', 'reviewers', set, 'groups', index]
      const message = `approvals.reviewers.${set}: no group alias is called "${group}"${suggest(group, Object.keys(groups))}`
      return [{ ...yaml.placeOf(path), message }]
    }),
  )
}
