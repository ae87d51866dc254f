import { assignments } from './assignments.ts'
import { authorizationHeaders } from './authorizationHeaders.ts'
import { cloudKeys } from './cloudKeys.ts'
import { connectionUrls } from './connectionUrls.ts'
import type { Detector } from './detector.ts'
import { jsonWebTokens } from './jsonWebTokens.ts'
import { passwordHashes } from './passwordHashes.ts'
import { paymentCards } from './paymentCards.ts'
import { privateKeys } from './privateKeys.ts'
import { vendorTokens } from './vendorTokens.ts'

/** Every detector. They are a net under the protected columns, not a guarantee: see docs/masking.md. */
export const DETECTORS: readonly Detector[] = [
  ...privateKeys,
  ...jsonWebTokens,
  ...cloudKeys,
  ...vendorTokens,
  ...authorizationHeaders,
  ...connectionUrls,
  ...assignments,
  ...passwordHashes,
  paymentCards,
]
