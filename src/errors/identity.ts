import type { ErrorRow } from './errorRow.ts'

/** `ERR_TOKEN_*`, `ERR_SCOPE_*`, `ERR_ROLE_*`, `ERR_REVIEWER_*`: tokens of those who call and of those who decide. */
export const IDENTITY_ERRORS = {
  ERR_TOKEN_MISSING: {
    status: 401,
    message: 'The request carries no access token.',
    next: 'Log in, and send the access token in the Authorization header of every request.',
  },
  ERR_TOKEN_TOO_LARGE: {
    status: 401,
    message: 'The access token is larger than 16 KiB.',
    next: 'Ask an administrator to emit fewer claims: app roles or assigned groups instead of all groups.',
  },
  ERR_TOKEN_MALFORMED: {
    status: 401,
    message: 'The credential is not a signed JWT access token.',
    next: 'Send the access token itself: not an opaque token, an encrypted token, a refresh token or an API key.',
  },
  ERR_TOKEN_TYPE: {
    status: 401,
    message: 'The token header is not that of an access token.',
    next: 'Send an access token: header typ JWT (Entra) or at+jwt, without critical extensions.',
  },
  ERR_TOKEN_ISSUER: {
    status: 401,
    message: 'The token was issued by an identity provider that this gateway does not know.',
    next: 'Log in with an authorization server from the protected resource metadata of this gateway.',
  },
  ERR_TOKEN_TENANT: {
    status: 401,
    message: 'The token comes from another Entra tenant.',
    next: 'Log in to the tenant of this gateway; guests choose it at login with its tenant id.',
  },
  ERR_TOKEN_VERSION: {
    status: 401,
    message: 'The token is an Entra v1.0 token, and only v2.0 tokens are accepted.',
    next: 'Ask an administrator to set api.requestedAccessTokenVersion to 2 in the manifest of the gateway app registration, then get a new token.',
  },
  ERR_TOKEN_FOR_GRAPH: {
    status: 401,
    message: 'The token is for Microsoft Graph, not for this gateway.',
    next: 'Request the fully qualified scope of this gateway (see WWW-Authenticate); a bare scope name is taken for a Graph scope.',
  },
  ERR_TOKEN_IS_ID_TOKEN: {
    status: 401,
    message: 'The token is an ID token, and only access tokens are accepted.',
    next: 'Send the access_token of the token response, not the id_token.',
  },
  ERR_TOKEN_AUDIENCE: {
    status: 401,
    message: 'The token is for another application.',
    next: 'Request a token for this gateway; an administrator checks that the audience in the config is what the provider writes into aud.',
  },
  ERR_TOKEN_ALGORITHM: {
    status: 401,
    message: 'The token is signed with an algorithm that is not accepted.',
    next: 'Get the token from the identity provider; an administrator can list its asymmetric algorithms in the config.',
  },
  ERR_TOKEN_KEY_ID: {
    status: 401,
    message: 'The token header names no signing key.',
    next: 'Get the token from the identity provider; its tokens carry a kid.',
  },
  ERR_TOKEN_KEY_UNKNOWN: {
    status: 401,
    message: 'The token is signed with a key that the identity provider does not publish for this issuer.',
    next: 'Get a new token; right after a key rotation it can take five minutes until new keys are seen.',
  },
  ERR_TOKEN_SIGNATURE: {
    status: 401,
    message: 'The signature of the token is not valid.',
    next: 'Get a new token and send it unchanged.',
  },
  ERR_TOKEN_EXPIRED: {
    status: 401,
    message: 'The token has expired.',
    next: 'Get a new token and call again; an approval that waits for this caller is not lost.',
  },
  ERR_TOKEN_NOT_YET_VALID: {
    status: 401,
    message: 'The token is not valid yet.',
    next: 'Call again in a minute; an administrator checks the clocks of this gateway and of the issuer.',
  },
  ERR_TOKEN_LIFETIME: {
    status: 401,
    message: 'The token is valid for longer than is accepted.',
    next: 'Ask an administrator to shorten the token lifetime at the identity provider.',
  },
  ERR_TOKEN_CLAIMS: {
    status: 401,
    message: 'The token lacks a claim that is needed, or the claim has the wrong form.',
    next: 'Ask an administrator to add the named claim to access tokens of the gateway app registration.',
  },
  ERR_TOKEN_SUBJECT_TYPE: {
    status: 401,
    message: 'The token is neither for a user nor for an application.',
    next: 'Log in as a user, a service principal or an agent identity; device tokens are not accepted.',
  },
  ERR_TOKEN_KIND_UNCLEAR: {
    status: 401,
    message: 'The token does not say clearly whether a user or an application calls.',
    next: 'Ask an administrator to add the optional claim idtyp (with include_user_token) to access tokens of the gateway app registration.',
  },
  ERR_SCOPE_MISSING: {
    status: 403,
    message: 'The token does not carry the scope that this gateway requires.',
    next: 'Request the fully qualified scope from the protected resource metadata, and have it consented to.',
  },
  ERR_ROLE_NONE: {
    status: 403,
    message: 'The application has no app role at this gateway.',
    next: 'Ask an administrator to assign the required app role to this application (and to switch on: assignment required).',
  },
  ERR_ROLE_MISSING: {
    status: 403,
    message: 'The application does not have the app role that this gateway requires.',
    next: 'Ask an administrator to assign the required app role to this application, then get a new token.',
  },
  ERR_KEYS_UNAVAILABLE: {
    status: 503,
    message: 'The signing keys of the identity provider cannot be fetched, so no token can be checked.',
    next: 'Call again in a minute; nothing was executed. An operator finds the reason in the log.',
  },
  ERR_REVIEWER_MCP_TOKEN: {
    status: 403,
    message: 'A token for calling tools never votes on approvals.',
    next: 'Log in to the reviewer app and send its token.',
  },
  ERR_REVIEWER_AUDIENCE: {
    status: 401,
    message: 'The token is not for the reviewer app.',
    next: 'Log in to the reviewer app and send its token.',
  },
  ERR_REVIEWER_CLIENT: {
    status: 403,
    message: 'The token was obtained by a program that may not vote.',
    next: 'Log in with the reviewer app itself, or have the program listed in approvals.reviewerApp.clients.',
  },
  ERR_REVIEWER_KIND: {
    status: 403,
    message: 'Only a person can vote on approvals, and this token is for an agent or an application.',
    next: 'Log in to the reviewer app yourself.',
  },
  ERR_REVIEWER_SCOPE: {
    status: 403,
    message: 'The token does not carry the scope of reviewers.',
    next: 'Request the scope in approvals.reviewerApp.requiredScope of the reviewer app.',
  },
  ERR_REVIEWER_LOGIN_UNKNOWN: {
    status: 403,
    message: 'The token does not say when the person logged in.',
    next: 'Ask an administrator to add the optional claim auth_time to access tokens of the reviewer app registration.',
  },
  ERR_REVIEWER_LOGIN_OLD: {
    status: 401,
    message: 'The login is too old to vote.',
    next: 'Log in again, interactively, and vote with the new token.',
  },
} as const satisfies Record<string, ErrorRow>
