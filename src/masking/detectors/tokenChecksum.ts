const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const CHECKSUM_LENGTH = 6

/**
 * Whether the last six characters are the CRC-32 of those before them, in base 62. GitHub and npm tokens end this way,
 * which tells a token from a documentation example.
 */
export function hasTokenChecksum(body: string): boolean {
  return checksumOf(body.slice(0, -CHECKSUM_LENGTH)) === body.slice(-CHECKSUM_LENGTH)
}

/** The six characters that GitHub and npm append to the random part of a token. */
function checksumOf(entropy: string): string {
  let rest = crc32(entropy)
  let digits = ''
  while (rest > 0) {
    digits = `${BASE62[rest % 62]}${digits}`
    rest = Math.floor(rest / 62)
  }
  return digits.padStart(CHECKSUM_LENGTH, '0')
}

/** node:zlib has crc32 from Node 22.2; the floor is 20. */
function crc32(ascii: string): number {
  let crc = 0xffffffff
  for (let i = 0; i < ascii.length; i++) {
    crc ^= ascii.charCodeAt(i) & 0xff
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}
