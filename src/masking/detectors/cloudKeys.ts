import type { Span } from '../span.ts'
import { type Detector, detectByPattern } from './detector.ts'

const AWS_KEY_ID = /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/g
const AWS_SECRET_SHAPE = /(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g

const awsKeyId = detectByPattern({
  name: 'aws-access-key',
  anchors: ['akia', 'asia', 'abia', 'acca'],
  pattern: AWS_KEY_ID,
})

/** Forty characters of base64 alone prove nothing; beside an access key id in the same text they are its secret. */
const awsSecretBesideItsId: Detector = {
  name: 'aws-secret-key',
  anchors: awsKeyId.anchors,
  find(text) {
    if (awsKeyId.find(text).length === 0) return []
    const spans: Span[] = []
    for (const match of text.matchAll(AWS_SECRET_SHAPE)) {
      const mixed = /[a-z]/.test(match[0]) && /[A-Z]/.test(match[0]) && /\d/.test(match[0])
      if (mixed) spans.push({ start: match.index, end: match.index + 40, why: 'aws-secret-key' })
    }
    return spans
  },
}

/** Keys, signed addresses and client secrets of the large clouds. */
export const cloudKeys = [
  awsKeyId,
  awsSecretBesideItsId,
  detectByPattern({
    name: 'aws-secret-key',
    anchors: ['secretaccesskey', 'secret_access_key', 'secret_key', 'secretkey'],
    pattern: /secret_?(?:access_?)?key[\\"'\s:=>]{1,12}(?<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/gi,
  }),
  detectByPattern({
    name: 'google-api-key',
    anchors: ['aiza'],
    pattern: /AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g,
  }),
  detectByPattern({ name: 'google-oauth-secret', anchors: ['gocspx-'], pattern: /GOCSPX-[A-Za-z0-9_-]{28}/g }),
  detectByPattern({
    name: 'google-access-token',
    anchors: ['ya29.'],
    pattern: /(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{30,1024}/g,
  }),
  detectByPattern({
    name: 'azure-key',
    // Storage accounts (64 bytes), Service Bus, Event Hubs and IoT (32 bytes), Cosmos DB, all in connection strings.
    anchors: ['accountkey=', 'accesskey=', 'sharedsecret='],
    pattern: /(?:AccountKey|AccessKey|SharedSecret)=(?<secret>[A-Za-z0-9+/]{42,88}={0,2})/gi,
  }),
  detectByPattern({
    name: 'entra-client-secret',
    anchors: ['0q~', '1q~', '2q~', '3q~', '4q~', '5q~', '6q~', '7q~', '8q~', '9q~'],
    pattern: /(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])/g,
  }),
  detectByPattern({
    name: 'signed-url',
    // Whoever holds the signature of a shared access signature or a presigned URL holds the object behind it.
    anchors: ['sig=', 'x-amz-signature=', 'x-goog-signature='],
    pattern: /[?&;](?:amp;)?(?:sig|X-Amz-Signature|X-Goog-Signature)=(?<secret>[A-Za-z0-9%+/=_-]{24,600})/gi,
  }),
] as const
