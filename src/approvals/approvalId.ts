import { randomBytes } from 'node:crypto'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ID = /^apr_[0-9A-HJKMNP-TV-Z]{26}$/

/** `apr_` + 26 characters: 48 bits of time, so that ids sort, then 80 random bits. */
export function newApprovalId(now: number): string {
  let rest = (BigInt(now) << 80n) | BigInt(`0x${randomBytes(10).toString('hex')}`)
  let text = ''
  for (let index = 0; index < 26; index += 1) {
    text = (CROCKFORD[Number(rest & 31n)] ?? '0') + text
    rest >>= 5n
  }
  return `apr_${text}`
}

/** Whether a text from outside has the form of an approval id. Says nothing about whether one exists. */
export function isApprovalId(text: string): boolean {
  return ID.test(text)
}
