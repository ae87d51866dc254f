import { detectByPattern } from './detector.ts'
import { isStandIn } from './standIn.ts'

/** `scheme://user:password@host`: only the password is hidden, so that the address stays useful. */
export const connectionUrls = [
  detectByPattern({
    name: 'url-password',
    anchors: ['://'],
    pattern:
      /(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,30}:\/\/[^\s:@/?#"'<>\\]{0,128}:(?<secret>[^\s@"'<>\\]{1,256})@[A-Za-z0-9[_%-]/gi,
    // `http://host:8080/search?q=a@b` has a port there, not a password.
    accept: (secret) => !/^\d{1,5}[/?#]/.test(secret) && !isStandIn(secret),
  }),
] as const
