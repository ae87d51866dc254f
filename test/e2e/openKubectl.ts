import type { Json, MaskedOutput, StartedCall } from '../../src/call.ts'
import { createCredentialDetector } from '../../src/masking/credentials.ts'
import { type MaskedPreview, mask, maskPreview } from '../../src/masking/mask.ts'
import { createMasker } from '../../src/masking/masker.ts'
import { maskRequest } from '../../src/masking/maskText.ts'
import { kubernetesConnection } from '../../src/tools/kubectl/settings.ts'
import { createKubectl } from '../../src/tools/kubectl/tool.ts'
import type { OpenTool, Understanding } from '../../src/tools/tool.ts'

/** The tool on a cluster, without policy and people around it. */
export interface OpenKubectl {
  readonly open: OpenTool
  understand(args: readonly string[], manifest?: string): Promise<Understanding>
  /** Understands and executes; the masked result, as an agent gets it. */
  run(
    args: readonly string[],
    manifest?: string,
    maxRows?: number,
  ): Promise<{ result: Result; masked: MaskedOutput['masked'] }>
  preview(args: readonly string[], manifest?: string): Promise<MaskedPreview | undefined>
  request(understanding: Understanding): string
  readonly outcomeRefs: Json[]
  /** Credentials that the tool has taught the masker. */
  readonly taught: string[]
}

// biome-ignore lint/suspicious/noExplicitAny: results of several shapes, looked at by tests alone
type Result = any

export function openKubectl(
  kubeconfig: string,
  settings: Record<string, unknown> = {},
  readText?: () => Promise<string>,
): OpenKubectl {
  const connection = kubernetesConnection.parse({
    type: 'kubernetes',
    kubeconfig: { file: kubeconfig },
    context: 'admin',
    ...settings,
  })
  const taught: string[] = []
  const outcomeRefs: Json[] = []
  const open = createKubectl({
    readSecret: async (reference) => {
      if (readText !== undefined) return readText()
      if (!('file' in reference)) throw new TypeError('a file is expected')
      return (await import('node:fs/promises')).readFile(reference.file, 'utf8')
    },
    alsoSecret: (value) => void taught.push(value),
    connections: () => ({ cluster: connection }),
  })
  const masker = () => createMasker(createCredentialDetector(taught), () => undefined)
  const understand: OpenKubectl['understand'] = (args, manifest) => {
    const input = open.tool.input.parse({ connection: 'cluster', args, ...(manifest !== undefined && { manifest }) })
    return open.tool.understand(input, 'cluster', AbortSignal.timeout(60_000))
  }
  return {
    open,
    taught,
    outcomeRefs,
    understand,
    async run(args, manifest, maxRows) {
      const understanding = await understand(args, manifest)
      const call = { callId: 'call_test', approvalId: undefined, constraints: { maxRows } } as unknown as StartedCall
      const output = await understanding.execute(
        call,
        async (ref) => void outcomeRefs.push(ref),
        AbortSignal.timeout(60_000),
      )
      return mask(output, masker()) as { result: Result; masked: MaskedOutput['masked'] }
    },
    async preview(args, manifest) {
      const preview = await (await understand(args, manifest)).preview(AbortSignal.timeout(60_000))
      return preview && maskPreview(preview, masker())
    },
    request: (understanding) =>
      maskRequest(understanding.request, masker())
        .fields.map(({ text }) => text)
        .join('\n'),
  }
}
