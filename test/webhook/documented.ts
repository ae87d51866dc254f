import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const page = readFileSync('docs/webhooks.md', 'utf8')

/** The first code block of a language in docs/webhooks.md. */
export function blockOf(language: 'yaml' | 'json' | 'js'): string {
  const [, text] = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page) ?? []
  if (text === undefined) throw new Error(`docs/webhooks.md has no ${language}`)
  return text
}

/** Every event in the table of docs/webhooks.md. */
export const documentedEvents = [...page.matchAll(/^\| `(approval\.\w+)` \|/gm)].map(([, name]) => name)

type VerifyWebhook = (headers: Readonly<Record<string, unknown>>, body: string, secret: string) => unknown

/** The function that docs/webhooks.md tells receivers to use, as it is written there. */
export async function loadVerifier(): Promise<VerifyWebhook> {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-verify-'))
  try {
    const file = join(dir, 'verifyWebhook.mjs')
    writeFileSync(file, blockOf('js'))
    const { verifyWebhook } = await import(pathToFileURL(file).href)
    return verifyWebhook
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
