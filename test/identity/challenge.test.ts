import { describe, expect, test } from 'vitest'
import { ERRORS, type ErrorCode } from '../../src/errors.ts'
import { challengeFor } from '../../src/identity/challengeFor.ts'
import { challengeScope, protectedResourceMetadata } from '../../src/identity/protectedResourceMetadata.ts'
import { identitySettings } from '../../src/identity/settings.ts'
import { entraAt } from './gateway.ts'

const publicUrl = 'https://gate.corp.example/mcp'
const resourceMetadataUrl = 'https://gate.corp.example/.well-known/oauth-protected-resource/mcp'
const entra = entraAt('https://login.microsoftonline.com')
const scope = challengeScope(entra, publicUrl)
const challenge = (code: ErrorCode) => challengeFor({ code }, { resourceMetadataUrl, scope })

describe('WWW-Authenticate', () => {
  test('without a token there is no error, only the way to log in', () => {
    expect(challenge('ERR_TOKEN_MISSING')).toBe(
      `Bearer resource_metadata="${resourceMetadataUrl}", scope="${publicUrl}/mcp.access"`,
    )
  })

  test('a bad token is named by a constant', () => {
    expect(challenge('ERR_TOKEN_EXPIRED')).toBe(
      `Bearer error="invalid_token", error_description="The token has expired.", resource_metadata="${resourceMetadataUrl}", scope="${publicUrl}/mcp.access"`,
    )
  })

  test('a missing scope asks for the whole scope', () => {
    expect(challenge('ERR_SCOPE_MISSING')).toContain(`error="insufficient_scope"`)
    expect(challenge('ERR_SCOPE_MISSING')).toContain(`scope="${publicUrl}/mcp.access"`)
  })

  test('nothing is asked for that a new login would not change', () => {
    expect(challenge('ERR_ROLE_MISSING')).toBeUndefined()
    expect(challenge('ERR_KEYS_UNAVAILABLE')).toBeUndefined()
  })

  test('every code gives a header without line breaks or loose quotes', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      expect(challenge(code) ?? 'Bearer a="b"').toMatch(/^Bearer (\w+="[^"\\\r\n]*")(, \w+="[^"\\\r\n]*")*$/)
    }
  })

  test('a value that would break out of the header is a mistake, not a header', () => {
    expect(() => challengeFor({ code: 'ERR_TOKEN_MISSING' }, { resourceMetadataUrl: 'x"\r\ny: z', scope })).toThrow(
      TypeError,
    )
  })
})

describe('protected resource metadata', () => {
  test('names the resource exactly as configured, the tenant, and the fully qualified scope', () => {
    expect(protectedResourceMetadata(entra, publicUrl)).toEqual({
      resource: publicUrl,
      authorization_servers: ['https://login.microsoftonline.com/6f1c1b3e-0000-4000-8000-000000000001/v2.0'],
      scopes_supported: [`${publicUrl}/mcp.access`],
      bearer_methods_supported: ['header'],
      resource_name: 'Countersign',
    })
  })

  test('several providers are all named, and no challenge mixes their scopes', () => {
    const okta = {
      type: 'oidc',
      name: 'okta',
      issuer: 'https://corp.okta.example/oauth2/aus1',
      audience: 'a',
      requiredScope: 'mcp',
    }
    const both = [...entra, ...identitySettings.parse([okta])]
    expect(protectedResourceMetadata(both, publicUrl)).toMatchObject({
      authorization_servers: [expect.any(String), 'https://corp.okta.example/oauth2/aus1'],
      scopes_supported: [`${publicUrl}/mcp.access`, 'mcp'],
    })
    expect(challengeScope(both, publicUrl)).toBeUndefined()
  })
})
