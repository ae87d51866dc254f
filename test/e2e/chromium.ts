import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PATHS = [process.env.CHROMIUM_PATH ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome']

/** A real Chromium without a window. Fails, never skips, where there is none: these tests are what it is for. */
export async function startChromium(): Promise<Browser> {
  const executablePath = PATHS.find((path) => path !== '' && existsSync(path))
  if (executablePath === undefined) {
    throw new Error('Chromium is missing. Install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.')
  }
  return await chromium.launch({
    executablePath,
    args: [
      // Chromium's own sandbox does not start as root; the pages are ours.
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  })
}
