import { detectByPattern } from './detector.ts'
import { hasTokenChecksum } from './tokenChecksum.ts'

/** Tokens that say whose they are: a fixed prefix, a known alphabet and length, a checksum where the vendor has one. */
export const vendorTokens = [
  detectByPattern({
    name: 'github-token',
    anchors: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'],
    pattern: /gh[pousr]_(?<secretBody>[A-Za-z0-9]{36,255})/g,
    // Only the classic length has a published checksum; refresh tokens are longer.
    accept: (body) => body.length !== 36 || hasTokenChecksum(body),
  }),
  detectByPattern({
    name: 'github-token',
    // Installation tokens that carry a JWT behind the app id.
    anchors: ['ghs_'],
    pattern: /ghs_\d{1,20}_[A-Za-z0-9_.-]{36,4096}/g,
  }),
  detectByPattern({
    name: 'github-token',
    anchors: ['github_pat_'],
    pattern: /github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{40,255}/g,
  }),
  detectByPattern({
    name: 'gitlab-token',
    anchors: [
      'glpat-',
      'gldt-',
      'glrt-',
      'glrtr-',
      'glcbt-',
      'glptt-',
      'glft-',
      'glimt-',
      'glagent-',
      'gloas-',
      'glsoat-',
    ],
    pattern: /gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_.-]{20,300}/g,
  }),
  detectByPattern({
    name: 'slack-token',
    anchors: ['xoxa-', 'xoxb-', 'xoxe-', 'xoxe.', 'xoxo-', 'xoxp-', 'xoxr-', 'xoxs-', 'xoxd-', 'xoxc-', 'xapp-'],
    pattern: /(?:xox[abcdeoprs]|xoxe\.xox[bp]|xapp)-[A-Za-z0-9%-]{12,400}/g,
    accept: (token) => /\d/.test(token),
  }),
  detectByPattern({
    name: 'slack-webhook',
    anchors: ['hooks.slack.com'],
    pattern: /hooks\.slack\.com\/(?:services|workflows|triggers)\/(?<secret>[A-Za-z0-9/_-]{20,200})/gi,
  }),
  detectByPattern({
    name: 'stripe-key',
    anchors: ['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_'],
    pattern: /[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}/g,
  }),
  detectByPattern({ name: 'stripe-key', anchors: ['whsec_'], pattern: /whsec_[A-Za-z0-9+/]{24,128}={0,2}/g }),
  detectByPattern({
    name: 'npm-token',
    anchors: ['npm_'],
    pattern: /npm_(?<secretBody>[A-Za-z0-9]{36})(?![A-Za-z0-9])/g,
    accept: hasTokenChecksum,
  }),
  detectByPattern({
    name: 'pypi-token',
    // A macaroon: the base64 of its location, pypi.org or test.pypi.org, is part of every token.
    anchors: ['pypi-ageichlwas5vcmc', 'pypi-agendgvzdc5wexbplm9yz'],
    pattern: /pypi-Ag(?:EIcHlwaS5vcmc|ENdGVzdC5weXBpLm9yZ)[A-Za-z0-9_-]{50,1000}/g,
  }),
  detectByPattern({
    name: 'sendgrid-key',
    anchors: ['sg.'],
    pattern: /(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}/g,
  }),
  detectByPattern({
    name: 'twilio-key',
    anchors: [...'0123456789abcdef'].map((digit) => `sk${digit}`),
    pattern: /(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])/g,
  }),
  detectByPattern({
    name: 'telegram-bot-token',
    anchors: [':aa'],
    pattern: /(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])/g,
  }),
  detectByPattern({
    name: 'ai-api-key',
    anchors: ['sk-'],
    pattern: /(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,256}/g,
    // Slugs such as `sk-region-north-2024-report` have neither the mix nor the unbroken run of a key.
    accept: (key) => /\d/.test(key) && /[A-Za-z0-9]{16}/.test(key),
  }),
  detectByPattern({
    name: 'hugging-face-token',
    anchors: ['hf_'],
    pattern: /(?<![A-Za-z0-9])hf_[A-Za-z]{34}(?![A-Za-z0-9])/g,
  }),
  detectByPattern({
    name: 'vault-token',
    anchors: ['hvs.', 'hvb.', 'hvr.'],
    pattern: /(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_-]{24,300}/g,
  }),
  detectByPattern({
    name: 'vendor-token',
    anchors: [
      'dop_v1_',
      'doo_v1_',
      'dor_v1_',
      'dapi',
      'dckr_pat_',
      'shpat_',
      'shpss_',
      'shppa_',
      'shpca_',
      'glsa_',
      'lin_api_',
      'pmak-',
      'nrak-',
      'atatt3',
      'dp.pt.',
      'dp.st.',
      'rubygems_',
      'sbp_',
      'figd_',
      'sntrys_',
    ],
    pattern:
      /(?<![A-Za-z0-9])(?:do[por]_v1_[a-f0-9]{64}|dapi[a-f0-9]{32}(?:-\d)?|dckr_pat_[A-Za-z0-9_-]{27}|shp(?:at|ss|pa|ca)_[a-fA-F0-9]{32}|glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|lin_api_[A-Za-z0-9]{40}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|NRAK-[A-Z0-9]{27}|ATATT3[A-Za-z0-9_=-]{60,400}|dp\.[ps]t\.[A-Za-z0-9]{40,44}|rubygems_[a-f0-9]{48}|sbp_[a-f0-9]{40}|figd_[A-Za-z0-9_-]{40,60}|sntrys_[A-Za-z0-9+/=_-]{60,400})/g,
  }),
] as const
