import {
  acceptedContent,
  type CallToolResult,
  completable,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  McpServer,
  MissingRequiredClientCapabilityError,
  ResourceTemplate,
  type ServerContext,
} from '@modelcontextprotocol/server'
import * as z from 'zod'

/** One transparent pixel, and no sound at all. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII='
const SILENCE = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='
const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities'

type Result = CallToolResult | ReturnType<typeof inputRequired>
type Run = (context: ServerContext) => Result | Promise<Result>

const states = createRequestStateCodec<{ step: number }>({ key: new Uint8Array(32).fill(7), ttlSeconds: 600 })

/**
 * The tools, resources and prompts that the conformance suite calls by name. Of the gateway this shows what lies around
 * them: the HTTP server, authentication, the limits, and the way answers and streams are written.
 */
export function createFixtureServer(notify: { toolsChanged(): void; promptsChanged(): void }): McpServer {
  const server = new McpServer(
    { name: 'conformance-fixture', version: '1.0.0' },
    {
      capabilities: {
        completions: {},
        logging: {},
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        tools: { listChanged: true },
      },
      requestState: { verify: states.verify },
    },
  )
  const changes: Record<string, Run> = {
    test_trigger_tool_change() {
      notify.toolsChanged()
      return text('changed')
    },
    test_trigger_prompt_change() {
      notify.promptsChanged()
      return text('changed')
    },
  }
  for (const [name, run] of Object.entries({ ...CONTENT, ...TALKING, ...ASKING, ...changes })) {
    server.registerTool(name, { description: `Fixture ${name}` }, (context) => run(context))
  }
  // Requests from the server to the client do not exist without sessions: these are here to be listed.
  for (const [name, field] of [
    ['test_sampling', 'prompt'],
    ['test_elicitation', 'message'],
  ] as const) {
    const inputSchema = z.object({ [field]: z.string() })
    server.registerTool(name, { description: `Fixture ${name}`, inputSchema }, () => text('not here'))
  }
  addResources(server)
  addPrompts(server)
  return server
}

function text(words: string): CallToolResult {
  return { content: [{ type: 'text', text: words }] }
}

const embedded = (uri: string, mimeType: string, words: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType, text: words },
})

const CONTENT: Record<string, Run> = {
  test_simple_text: () => text('This is a simple text response for testing.'),
  test_image_content: () => ({ content: [{ type: 'image', data: PIXEL, mimeType: 'image/png' }] }),
  test_audio_content: () => ({ content: [{ type: 'audio', data: SILENCE, mimeType: 'audio/wav' }] }),
  test_embedded_resource: () => ({
    content: [embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
  }),
  test_multiple_content_types: () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: PIXEL, mimeType: 'image/png' },
      embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
    ],
  }),
  test_error_handling: () => ({ ...text('This tool intentionally returns an error for testing'), isError: true }),
}

const TALKING: Record<string, Run> = {
  async test_tool_with_logging({ mcpReq }) {
    for (const line of ['started', 'processing data', 'completed']) await mcpReq.log('info', `Tool ${line}`)
    return text('logged')
  },
  async test_logging_tool({ mcpReq }) {
    await mcpReq.log('info', 'A line')
    return text('logged')
  },
  async test_tool_with_progress(context) {
    for (const progress of [0, 50, 100]) await tellProgress(context, progress)
    return text('done')
  },
  test_missing_capability({ mcpReq }) {
    if (capabilitiesOf(mcpReq).sampling !== undefined) return text('declared')
    throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } })
  },
  async test_streaming_elicitation(context) {
    await tellProgress(context, 1)
    return inputRequired({ inputRequests: { name: ask('name') } })
  },
}

async function tellProgress({ mcpReq }: ServerContext, progress: number): Promise<void> {
  const progressToken = mcpReq._meta?.progressToken
  if (progressToken === undefined) return
  await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } })
}

/** Tools that need an answer from the client before theirs: multi round-trip requests of 2026-07-28. */
const ASKING: Record<string, Run> = {
  test_input_required_result_elicitation({ mcpReq }) {
    const given = acceptedContent(mcpReq.inputResponses, 'user_name', z.object({ name: z.string() }))
    if (given !== undefined) return text(`Hello, ${given.name}!`)
    return inputRequired({ inputRequests: { user_name: ask('name') } })
  },
  test_input_required_result_sampling({ mcpReq }) {
    const given = inputResponse(mcpReq.inputResponses, 'capital_question')
    if (given.kind === 'sampling') return text(JSON.stringify(given.result.content))
    return inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?') } })
  },
  test_input_required_result_list_roots({ mcpReq }) {
    const given = inputResponse(mcpReq.inputResponses, 'client_roots')
    if (given.kind === 'roots') return text(JSON.stringify(given.roots))
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
  },
  test_input_required_result_request_state: (context) => inRounds(context, 'state-ok', [{ confirm: ask('ok') }]),
  test_input_required_result_tampered_state: (context) => inRounds(context, 'state-ok', [{ confirm: ask('ok') }]),
  test_input_required_result_multiple_inputs: (context) =>
    inRounds(context, 'all-ok', [
      { user_name: ask('name'), greeting: sample('Greet'), client_roots: inputRequired.listRoots() },
    ]),
  test_input_required_result_multi_round: (context) =>
    inRounds(context, 'done', [{ step1: ask('name') }, { step2: ask('color') }]),
  test_input_required_result_capabilities({ mcpReq }) {
    const { elicitation, sampling } = capabilitiesOf(mcpReq)
    const inputRequests = {
      ...(elicitation !== undefined && { name: ask('name') }),
      ...(sampling !== undefined && { words: sample('Say something') }),
    }
    return Object.keys(inputRequests).length === 0 ? text('nothing to ask') : inputRequired({ inputRequests })
  },
}

type InputRequests = NonNullable<Parameters<typeof inputRequired>[0]['inputRequests']>

/** Asks round after round; which one comes next is in the state that the client sends back. */
async function inRounds({ mcpReq }: ServerContext, last: string, rounds: readonly InputRequests[]): Promise<Result> {
  const step = mcpReq.requestState<{ step: number }>()?.step ?? 0
  const inputRequests = rounds[step]
  if (inputRequests === undefined) return text(last)
  return inputRequired({ inputRequests, requestState: await states.mint({ step: step + 1 }) })
}

function capabilitiesOf({ envelope }: ServerContext['mcpReq']): Readonly<Record<string, unknown>> {
  const all: Readonly<Record<string, unknown>> = { ...envelope }
  return (all[CAPABILITIES] ?? {}) as Readonly<Record<string, unknown>>
}

function ask(field: string) {
  const requestedSchema = {
    type: 'object' as const,
    properties: { [field]: { type: 'string' as const } },
    required: [field],
  }
  return inputRequired.elicit({ message: `What ${field}?`, requestedSchema })
}

function sample(words: string) {
  return inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: words } }],
    maxTokens: 50,
  })
}

function addResources(server: McpServer): void {
  const plain = { mimeType: 'text/plain' }
  server.registerResource('static-text', 'test://static-text', plain, ({ href: uri }) => ({
    contents: [{ uri, ...plain, text: 'This is the content of the static text resource.' }],
  }))
  server.registerResource('static-binary', 'test://static-binary', { mimeType: 'image/png' }, ({ href: uri }) => ({
    contents: [{ uri, mimeType: 'image/png', blob: PIXEL }],
  }))
  server.registerResource('watched', 'test://watched-resource', plain, ({ href: uri }) => ({
    contents: [{ uri, ...plain, text: 'Watched.' }],
  }))
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined })
  const json = { mimeType: 'application/json' }
  server.registerResource('template', template, json, ({ href: uri }, { id }) => ({
    contents: [{ uri, ...json, text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) }],
  }))
}

function addPrompts(server: McpServer): void {
  const says = (words: string) => ({ role: 'user' as const, content: { type: 'text' as const, text: words } })
  server.registerPrompt('test_simple_prompt', { description: 'Simple' }, () => ({
    messages: [says('This is a simple prompt for testing.')],
  }))
  const starts = (typed: string) => ['paris', 'park', 'party'].filter((word) => word.startsWith(typed))
  const argsSchema = z.object({ arg1: completable(z.string(), starts), arg2: z.string() })
  server.registerPrompt('test_prompt_with_arguments', { description: 'Arguments', argsSchema }, ({ arg1, arg2 }) => ({
    messages: [says(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  }))
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'Resource', argsSchema: z.object({ resourceUri: z.string() }) },
    ({ resourceUri }) => ({
      messages: [
        { role: 'user', content: embedded(resourceUri, 'text/plain', 'Embedded resource content for testing.') },
        says('Please process the embedded resource above.'),
      ],
    }),
  )
  server.registerPrompt('test_prompt_with_image', { description: 'Image' }, () => ({
    messages: [
      { role: 'user', content: { type: 'image', data: PIXEL, mimeType: 'image/png' } },
      says('Please analyze the image above.'),
    ],
  }))
  server.registerPrompt('test_input_required_result_prompt', { description: 'Asks' }, ({ mcpReq }: ServerContext) => {
    const given = acceptedContent(mcpReq.inputResponses, 'user_context')
    if (given !== undefined) return { messages: [says(JSON.stringify(given))] }
    return inputRequired({ inputRequests: { user_context: ask('context') } })
  })
}
