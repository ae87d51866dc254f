import type { Logger } from 'pino'
import type { Config } from '../config/loadConfig.ts'
import { secretsOf } from '../config/secretsOf.ts'
import type { CredentialBook } from './credentialBook.ts'
import { errorFacts } from './errorFacts.ts'

interface LearnParts {
  readonly book: CredentialBook
  /** What tools find inside of credentials: a token in a kubeconfig. */
  readonly tools: { learnCredentials(): Promise<void> }
  readonly log: Logger
}

/** Reads every credential once, so that masking knows them before the first call, and a missing one is said at once. */
export async function learnSecrets({ connections }: Config, { book, tools, log }: LearnParts): Promise<void> {
  for (const { path, reference } of secretsOf(connections, 'connections')) {
    await book.readSecret(reference).catch((error: unknown) => {
      const facts = { secret: path, ...errorFacts(error) }
      log.error(facts, 'a credential cannot be read; calls that need it are refused')
    })
  }
  await tools.learnCredentials()
}
