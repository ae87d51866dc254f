import { detectByPattern } from './detector.ts'

/** Stored password verifiers: a weak password behind one falls to a search that nobody sees. */
export const passwordHashes = [
  detectByPattern({
    name: 'password-hash',
    anchors: ['$2a$', '$2b$', '$2x$', '$2y$'],
    pattern: /\$2[abxy]\$\d{2}\$[./A-Za-z0-9]{53}/g,
  }),
  detectByPattern({
    name: 'password-hash',
    anchors: ['$argon2', '$scrypt$', '$pbkdf2'],
    pattern: /\$(?:argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d{1,3})?)\$[A-Za-z0-9+/=,$.-]{20,512}/g,
  }),
  detectByPattern({
    name: 'password-hash',
    // crypt(3): MD5, SHA-256, SHA-512, yescrypt.
    anchors: ['$1$', '$5$', '$6$', '$y$'],
    pattern: /\$(?:1|5|6|y)\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9$]{24,200}/g,
    accept: (hash) => hash.split('$').length >= 4,
  }),
  detectByPattern({
    name: 'password-hash',
    anchors: ['scram-sha-'],
    pattern: /SCRAM-SHA-(?:1|256|512)\$\d{1,9}:[A-Za-z0-9+/=]{8,128}\$[A-Za-z0-9+/=]{20,128}:[A-Za-z0-9+/=]{20,128}/g,
  }),
] as const
