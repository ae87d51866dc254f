/** What to do instead of a verb that is not offered. */
const VERB_HINTS: Readonly<Record<string, string>> = {
  kubectl: 'Leave out the word kubectl: the verb comes first.',
  edit: 'Use patch, or apply with a manifest.',
  replace: 'Use apply with a manifest.',
  set: 'Use patch, or apply with a manifest.',
  run: 'Use create with a manifest.',
  expose: 'Use create with a manifest.',
  autoscale: 'Use create with a manifest.',
  diff: 'Ask for the apply: reviewers see the difference of a server-side dry run.',
  wait: 'Nothing waits here; ask get or rollout status again.',
  config: 'The kubeconfig belongs to the gateway; list_connections names what you can reach.',
  auth: 'explain_call says what policy would decide.',
  cp: 'Files are not copied. Read a file with exec, where policy opens that.',
  'port-forward': 'Connections into the cluster are not offered.',
  proxy: 'Connections into the cluster are not offered.',
  attach: 'Use logs.',
  debug: 'Use describe, logs and events.',
  drain: 'Draining nodes is not offered.',
  cordon: 'Use patch on the node: {"spec":{"unschedulable":true}}.',
  uncordon: 'Use patch on the node: {"spec":{"unschedulable":false}}.',
  taint: 'Use patch on the node.',
  kustomize: 'Build it yourself, and apply the manifest.',
  explain: 'The API reference of Kubernetes describes the fields.',
  'api-resources': 'get with a wrong type names those that are close.',
}

/** Why a flag is refused that the real kubectl has, and what to use. */
const FLAG_HINTS: Readonly<Record<string, string>> = {
  filename: 'Nothing is read from files or addresses: put the text into the argument `manifest`.',
  f: 'Nothing is read from files or addresses, and logs are not followed.',
  kustomize: 'Build it yourself, and put the text into the argument `manifest`.',
  k: 'Build it yourself, and put the text into the argument `manifest`.',
  recursive: 'Put the text into the argument `manifest`.',
  watch: 'Nothing is watched: ask again.',
  w: 'Nothing is watched: ask again.',
  follow: 'Logs are not followed: ask again with --since.',
  'dry-run': 'A gated change is always dry-run, and its reviewers see the difference.',
  force: 'Objects are deleted gracefully; conflicts are forced with --force-conflicts.',
  template: 'Choose -o json or yaml.',
  raw: 'Name a type; paths of the API are not offered.',
  as: 'Calls are made with the account of the connection.',
  token: 'Credentials belong to the gateway.',
  kubeconfig: 'Credentials belong to the gateway; choose a connection.',
  server: 'The cluster is that of the connection.',
  context: 'The context is that of the connection; choose a connection.',
  stdin: 'Commands run without input.',
  i: 'Commands run without input.',
  tty: 'Commands run without a terminal.',
  t: 'Commands run without a terminal.',
  it: 'Commands run without input and without a terminal.',
  subresource: 'Subresources belong to the verbs that mean them: scale, logs, exec.',
  'field-manager': 'The gateway is the field manager.',
  'chunk-size': 'Lists are cut to the limit of the connection.',
}

export function hintForVerb(verb: string): string | undefined {
  return Object.hasOwn(VERB_HINTS, verb) ? VERB_HINTS[verb] : undefined
}

export function hintForFlag(name: string): string | undefined {
  const plain = name.startsWith('as-') ? 'as' : name
  return Object.hasOwn(FLAG_HINTS, plain) ? FLAG_HINTS[plain] : undefined
}
