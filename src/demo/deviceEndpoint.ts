import { randomBytes, randomInt } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { sendPage, type TokenAnswer } from './authorizeEndpoint.ts'
import { loginPage } from './loginPage.ts'
import type { DemoPerson } from './people.ts'

interface DeviceParts {
  /** Where people enter the code. */
  readonly url: string
  readonly clientId: string
  readonly people: readonly DemoPerson[]
  readonly issueTokens: (person: DemoPerson, scope: string) => Promise<TokenAnswer>
}

interface Device {
  readonly userCode: string
  readonly scope: string
  readonly until: number
  state: 'waiting' | 'refused' | DemoPerson
  askedAt: number
}

const LIFETIME_SECONDS = 600
const INTERVAL_SECONDS = 1
/** Without vowels, so that no code is a word; RFC 8628 section 6.1. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'

/** The login with a device code of the demo issuer (RFC 8628). Whoever looks at the page may choose who they are. */
export function createDeviceEndpoint({ url, clientId, people, issueTokens }: DeviceParts) {
  const path = new URL(url).pathname
  const devices = new Map<string, Device>()

  function begin(form: URLSearchParams): TokenAnswer {
    if (form.get('client_id') !== clientId) return refusal('invalid_client')
    const deviceCode = randomBytes(24).toString('base64url')
    const letters = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
    const userCode = `${letters.slice(0, 4)}-${letters.slice(4)}`
    const until = Date.now() + LIFETIME_SECONDS * 1000
    devices.set(deviceCode, { userCode, scope: form.get('scope') ?? '', until, state: 'waiting', askedAt: 0 })
    return {
      status: 200,
      body: {
        device_code: deviceCode,
        user_code: userCode,
        verification_uri: url,
        expires_in: LIFETIME_SECONDS,
        interval: INTERVAL_SECONDS,
      },
    }
  }

  function answerPage(params: URLSearchParams, response: ServerResponse): void {
    const code = params.get('user_code')?.trim().toUpperCase()
    const device = [...devices.values()].find(({ userCode }) => userCode === code)
    const chosen = [...people, NOBODY].find(({ id }) => id === params.get('person'))
    if (code === undefined) sendPage(response, 200, loginPage({ askCodeAt: path }))
    else if (device === undefined || Date.now() >= device.until || device.state !== 'waiting') {
      sendPage(response, 400, loginPage({ problem: 'This code is not known, or was used.' }))
    } else if (chosen === undefined) {
      const kept = new URLSearchParams({ user_code: code })
      sendPage(response, 200, loginPage({ people: [...people, NOBODY], action: path, params: kept }))
    } else {
      device.state = chosen === NOBODY ? 'refused' : chosen
      sendPage(response, 200, loginPage({ done: 'Done. Go back to the terminal.' }))
    }
  }

  async function redeem(form: URLSearchParams): Promise<TokenAnswer> {
    const deviceCode = form.get('device_code') ?? ''
    const device = devices.get(deviceCode)
    if (device === undefined || form.get('client_id') !== clientId) return refusal('invalid_grant')
    if (Date.now() >= device.until) return refusal('expired_token')
    const isHasty = Date.now() - device.askedAt < (INTERVAL_SECONDS * 1000) / 2
    device.askedAt = Date.now()
    if (device.state === 'waiting') return refusal(isHasty ? 'slow_down' : 'authorization_pending')
    devices.delete(deviceCode)
    return device.state === 'refused' ? refusal('access_denied') : await issueTokens(device.state, device.scope)
  }

  return { begin, answerPage, redeem }
}

const NOBODY: DemoPerson = { id: 'nobody', name: 'Nobody', about: 'Refuse this login.', claims: {} }

function refusal(error: string): TokenAnswer {
  return { status: 400, body: { error } }
}
