/**
 * Every error this server raises on purpose, in one table.
 *
 * A code is a promise: it never changes meaning and is never reused. `message` says what happened, `next` tells the
 * caller what to do now; both are safe to show to an agent. docs/errors.md equals this table (test/errors.test.ts).
 * `status` is the HTTP status where the error ends an HTTP request; tool results travel in a 200.
 */
export const ERRORS = {
  // wire
  ERR_TOOL_UNKNOWN: {
    status: 200,
    message: 'No tool of that name exists.',
    next: 'Call tools/list and use a name from it.',
  },
  ERR_ARGUMENTS: {
    status: 200,
    message: 'The arguments do not fit the tool.',
    next: 'Correct the named fields and call again.',
  },
  ERR_BODY_TOO_LARGE: {
    status: 413,
    message: 'The request body is larger than the limit.',
    next: 'Send less than 1 MiB.',
  },
  ERR_BODY_MALFORMED: {
    status: 400,
    message: 'The request body is not valid UTF-8 JSON.',
    next: 'Send one JSON-RPC message as UTF-8 JSON.',
  },
  ERR_HOST: {
    status: 403,
    message: 'The Host header is not one of the allowed hosts.',
    next: 'Use the public URL of this gateway, or add the host to server.allowedHosts.',
  },
  ERR_ORIGIN: {
    status: 403,
    message: 'The Origin header is not one of the allowed origins.',
    next: 'Call from an allowed origin, or add it to server.allowedOrigins.',
  },
  ERR_RATE_LIMIT: {
    status: 429,
    message: 'Too many requests.',
    next: 'Wait for the number of seconds in Retry-After, then call again.',
  },
  ERR_BUSY: {
    status: 503,
    message: 'Too many calls are running at once.',
    next: 'Wait a few seconds and call again; nothing was executed.',
  },
  ERR_CANCELLED: {
    status: 200,
    message: 'The client closed the request before it ran.',
    next: 'Call again if the result is still wanted; nothing was executed.',
  },
  ERR_SHUTTING_DOWN: {
    status: 503,
    message: 'The gateway is stopping.',
    next: 'Call again in a few seconds; nothing was executed.',
  },

  // identity
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

  // policy and configuration
  ERR_CONFIG: { status: 500, message: 'The configuration is not valid.', next: 'Correct the file at the place named.' },
  ERR_SECRET: {
    status: 503,
    message: 'A secret that the configuration refers to cannot be read.',
    next: 'Tell an operator; call again when it is repaired. Nothing was executed.',
  },
  ERR_LISTEN: {
    status: 500,
    message: 'The address to listen on cannot be used.',
    next: 'Stop the other program, or choose another address in server.listen (demo: --port).',
  },
  ERR_CONNECTION_UNKNOWN: {
    status: 200,
    message: 'No connection of that name is open to this caller.',
    next: 'Call list_connections and use a name from it.',
  },
  ERR_POLICY_DENIED: {
    status: 200,
    message: 'Policy does not allow this call.',
    next: 'Do not repeat it unchanged; the reasons say what would have to differ.',
  },
  ERR_POLICY_RATE: {
    status: 200,
    message: 'The rule for this call has been used as often as it may be for now.',
    next: 'Call again after retry_after_seconds. Nothing has run.',
  },

  // understanding and execution
  ERR_SQL_TEXT: {
    status: 200,
    message: 'The SQL text is not well-formed.',
    next: 'Send plain UTF-8 text without NUL characters.',
  },
  ERR_SQL_TOO_LONG: {
    status: 200,
    message: 'The SQL text is too long.',
    next: 'Send a shorter statement; the limit is 64 KiB.',
  },
  ERR_SQL_PLACEHOLDER: {
    status: 200,
    message: 'The request contains a masking placeholder where a value belongs.',
    next: 'A masked value cannot be used; select the rows by another column.',
  },
  ERR_SQL_SYNTAX: {
    status: 200,
    message: "PostgreSQL's parser does not accept the statement.",
    next: 'Correct the statement at the position named, and call again.',
  },
  ERR_SQL_TOO_COMPLEX: {
    status: 200,
    message: 'The statement is nested too deeply to be judged.',
    next: 'Write it flatter, or in smaller steps.',
  },
  ERR_SQL_STATEMENT_COUNT: {
    status: 200,
    message: 'A call takes exactly one SQL statement.',
    next: 'Send one statement for each call, or all of them with script: true, to run in one transaction.',
  },
  ERR_SQL_SCRIPT_SIZE: {
    status: 200,
    message: 'A script takes 1 to 100 SQL statements.',
    next: 'Send as many statements as that, each ended by a semicolon.',
  },
  ERR_SQL_NOT_UNDERSTOOD: {
    status: 200,
    message: 'The statement contains something that cannot be judged, so it is refused.',
    next: 'Write it without the construct named.',
  },
  ERR_SQL_PARAMS: {
    status: 200,
    message: 'The parameters do not fit the statement.',
    next: 'Give one JSON scalar for each of $1, $2, ... in params.',
  },
  ERR_SQL_FAILED: {
    status: 200,
    message: 'PostgreSQL answered with an error; nothing was changed.',
    next: 'Read the detail, correct the statement, and call again.',
  },
  ERR_SQL_TIMEOUT: {
    status: 200,
    message: 'The statement took longer than the connection allows; nothing was changed.',
    next: 'Ask for less: narrow the WHERE, or split the work.',
  },
  ERR_SQL_LOCKED: {
    status: 200,
    message: 'The statement waited too long for a lock; nothing was changed.',
    next: 'Call again later.',
  },
  ERR_SQL_RESULT_TOO_LARGE: {
    status: 200,
    message: 'The result is larger than the connection allows, so it was cut off and thrown away.',
    next: 'Select fewer or smaller columns, or fewer rows.',
  },
  ERR_SQL_MAX_ROWS: {
    status: 200,
    message: 'The statement changed more rows than were approved, so it was rolled back; nothing was changed.',
    next: 'Narrow the WHERE, or ask for approval of the larger change.',
  },
  ERR_SQL_MAX_ROWS_UNKNOWN: {
    status: 200,
    message:
      'The rows this statement changes cannot be counted, so it cannot be held to a row limit; nothing was changed.',
    next: 'Use DELETE or UPDATE, or have it approved under a rule without maxRows.',
  },
  ERR_SQL_CHANGED: {
    status: 200,
    message: 'Something the statement uses was redefined after it was judged; nothing was changed.',
    next: 'Call again, so that it is judged as things are now.',
  },
  ERR_SQL_SCRIPT_CHANGED: {
    status: 200,
    message:
      'After the statements before it, a statement of the script would do more than was approved; nothing was changed.',
    next: 'Send what stands before it as one call, and the rest as another, so that it is judged as things are then.',
  },
  ERR_SQL_ROLE: {
    status: 200,
    message: 'The connection has no role for this kind of statement.',
    next: 'Ask an operator to configure one.',
  },
  ERR_SQL_PROTECTED_COLUMN: {
    status: 200,
    message: 'A protected column of the connection does not exist, so nothing can be judged.',
    next: 'Tell an operator to correct `protect`; nothing was executed.',
  },
  ERR_SQL_SERVER: {
    status: 200,
    message: 'The database server is not one that statements can be judged for.',
    next: 'Tell an operator; nothing was executed.',
  },
  ERR_KUBECTL_ARGS: {
    status: 200,
    message: 'The arguments of kubectl are not understood, so nothing was asked of the cluster.',
    next: 'Follow the detail; docs/kubectl.md lists the verbs and flags.',
  },
  ERR_KUBECTL_TYPE: {
    status: 200,
    message: 'The cluster has no such type, or several of that name.',
    next: 'Write the type as the cluster names it, with its group: deployments.apps.',
  },
  ERR_KUBECTL_MANIFEST: {
    status: 200,
    message: 'The manifest is not accepted.',
    next: 'Correct what the detail names, and call again; nothing was executed.',
  },
  ERR_KUBECTL_TOO_MANY: {
    status: 200,
    message: 'The call would change more objects than it may.',
    next: 'Name fewer objects, or narrow the selector; nothing was executed.',
  },
  ERR_KUBECTL_TOO_LARGE: {
    status: 200,
    message: 'The answer of the cluster is larger than the limit.',
    next: 'Narrow the call: one namespace, a selector, a name.',
  },
  ERR_KUBECTL_CHANGED: {
    status: 200,
    message: 'An object is no longer what was judged.',
    next: 'Look at it again, then call again if the change is still wanted.',
  },
  ERR_KUBECTL_FAILED: {
    status: 200,
    message: 'The API server refused the request.',
    next: 'Read the detail, correct the call, and call again.',
  },
  ERR_KUBECTL_PARTIAL: {
    status: 200,
    message: 'Some of the objects were changed, and then a change failed.',
    next: 'Read the detail: it names what was done and what was not.',
  },
  ERR_HTTP_PATH: {
    status: 200,
    message: 'The path is not one that every server reads alike.',
    next: 'Write it plainly: segments below the base URL, each percent-encoded at most once.',
  },
  ERR_HTTP_HEADER: {
    status: 200,
    message: 'A header is not one that callers can set on this connection.',
    next: 'Leave it out; credentials and what belongs to the connection are added by the gateway.',
  },
  ERR_HTTP_REQUEST: {
    status: 200,
    message: 'The query or the body cannot be sent as it is.',
    next: 'Correct what is named, and call again.',
  },
  ERR_HTTP_ADDRESS: {
    status: 200,
    message: 'The host of the connection has an address that it should not have, so nothing was sent.',
    next: 'Tell an operator: its name leads to another network than configured.',
  },
  ERR_HTTP_TIMEOUT: {
    status: 200,
    message: 'The target did not answer in time.',
    next: 'Ask for less, or call again later; nothing was changed.',
  },
  ERR_HTTP_RESPONSE: {
    status: 200,
    message: 'The answer of the target could not be read.',
    next: 'Tell an operator; nothing was changed.',
  },
  ERR_HTTP_ROWS: {
    status: 200,
    message: 'What an HTTP request changes cannot be counted, so it cannot be held to a row limit; nothing was sent.',
    next: 'Tell an operator: the rule that gates this call has maxRows, which is for SQL.',
  },
  ERR_HTTP_CHANGED: {
    status: 200,
    message: 'The connection was configured anew meanwhile; nothing was sent.',
    next: 'Call again.',
  },
  ERR_COMMAND_TEXT: {
    status: 200,
    message: 'The command is not text that can be judged.',
    next: 'Send argv, or one line of plain commands, as well-formed text within the limits that the detail names.',
  },
  ERR_SSH_HOST_KEY: {
    status: 200,
    message: 'The host did not show the key that is pinned for it, so no credential was sent.',
    next: 'Tell an operator; nothing was executed.',
  },
  ERR_TARGET_CREDENTIALS: {
    status: 200,
    message: "The target refused the gateway's own credential.",
    next: 'Tell an operator; nothing was executed.',
  },
  ERR_TARGET_FAILED: {
    status: 200,
    message: 'The target answered with an error.',
    next: 'Read the detail, correct the request, and call again.',
  },
  ERR_TARGET_UNAVAILABLE: {
    status: 200,
    message: 'The target could not be reached.',
    next: 'Call again later; nothing was executed.',
  },

  // git_push
  ERR_GIT_ADDRESS: {
    status: 404,
    message: 'There is nothing for git at this address.',
    next: 'Use /git/<connection> of the gateway, with smart HTTP.',
  },
  ERR_GIT_CONNECTION: {
    status: 404,
    message: 'No repository of that name is open to this caller.',
    next: 'Call list_connections and use the name of a git connection from it.',
  },
  ERR_GIT_FETCH_DENIED: {
    status: 403,
    message: 'Policy does not allow you to read this repository through the gateway.',
    next: 'Push from a clone that you have; reading needs a rule that allows the operation fetch.',
  },
  ERR_GIT_MISSING: {
    status: 503,
    message: 'The gateway has no usable git.',
    next: 'Tell an operator; nothing was executed.',
  },
  ERR_GIT_REF: {
    status: 200,
    message: 'The branch name is not one that can be pushed to.',
    next: 'Name a branch such as feature/x; agents push their own work to refs/heads/agent/<name> of the gateway.',
  },
  ERR_GIT_COMMIT: {
    status: 200,
    message: 'The commit is not one that you have pushed to the gateway.',
    next: 'Push it to refs/heads/agent/<name> of the gateway first, then name its full commit id.',
  },
  ERR_GIT_BASE: {
    status: 200,
    message: 'The base is neither a branch of the repository nor a commit on one.',
    next: 'Name a branch of the repository, or the full id of a commit on one.',
  },
  ERR_GIT_PATCH: {
    status: 200,
    message: 'The patch does not apply to its base; nothing was changed.',
    next: 'Send a unified diff against the base, with a/ and b/ paths and unchanged context lines.',
  },
  ERR_GIT_NOTHING: {
    status: 200,
    message: 'The branch is there already, or the patch changes nothing; nothing was executed.',
    next: 'Nothing is left to do, unless another commit was meant.',
  },
  ERR_GIT_LIMIT: {
    status: 413,
    message: 'This is more than the connection takes.',
    next: 'Push fewer commits, or fewer and smaller files; an operator can raise the limits of the connection.',
  },
  ERR_GIT_SECRET_NAME: {
    status: 200,
    message: 'A branch or file name looks like a secret, and names are shown and recorded.',
    next: 'Take the name out of every commit, then push again; nothing was executed.',
  },
  ERR_GIT_NOT_FORWARD: {
    status: 200,
    message: 'The commit does not contain the branch as it is now, so pushing it would take commits off the branch.',
    next: 'Merge or rebase onto the branch, push the result and name it; or ask with force, where policy has a rule for it.',
  },
  ERR_GIT_MOVED: {
    status: 200,
    message: 'The branch was moved by somebody else after it was judged; nothing was changed.',
    next: 'Bring your work up to date with the branch, and call again.',
  },
  ERR_GIT_REJECTED: {
    status: 200,
    message: 'The server of the repository rejected the push; nothing was changed.',
    next: 'Read the detail; branch protection at the server holds beside the policy of the gateway.',
  },

  // approvals
  ERR_APPROVAL_UNKNOWN: {
    status: 200,
    message: 'No approval of that id belongs to this caller.',
    next: 'Use the approval_id that a pending_approval answer gave to this caller.',
  },
  ERR_APPROVAL_PENDING: {
    status: 200,
    message: 'No decision has been made yet; nothing was executed.',
    next: 'Call await_approval with the approval_id.',
  },
  ERR_APPROVAL_DENIED: {
    status: 200,
    message: 'A reviewer denied this call; nothing was executed.',
    next: 'Do not repeat it unchanged; the reason says what would have to differ.',
  },
  ERR_APPROVAL_EXPIRED: {
    status: 200,
    message: 'The approval expired before it was used; nothing was executed.',
    next: 'Call the tool again if the change is still wanted; reviewers are asked anew.',
  },
  ERR_APPROVAL_WITHDRAWN: {
    status: 200,
    message: 'The approval was withdrawn; nothing was executed.',
    next: 'Call the tool again if the change is still wanted; reviewers are asked anew.',
  },
  ERR_APPROVAL_MODIFIED: {
    status: 200,
    message: 'A reviewer changed the request; another one took its place.',
    next: 'Call await_approval with the same approval_id: it leads to the changed request.',
  },
  ERR_APPROVAL_CHANGED: {
    status: 200,
    message: 'What would run now is not what was approved; nothing was executed.',
    next: 'Call the tool again, so that reviewers see what would run now.',
  },
  ERR_APPROVAL_POLICY: {
    status: 200,
    message: 'Policy has become stricter since reviewers were asked; nothing was executed.',
    next: 'Call the tool again, so that reviewers are asked under the present policy.',
  },
  ERR_APPROVAL_VOTE_REVOKED: {
    status: 200,
    message: 'A reviewer whose vote the approval needs has been revoked; nothing was executed.',
    next: 'Tell an operator the approval id.',
  },
  ERR_APPROVAL_TAKEN: {
    status: 200,
    message: 'The approval has been used already; it clears one call, once.',
    next: 'Call await_approval with the approval_id to collect the result.',
  },
  ERR_APPROVAL_FAILED: {
    status: 200,
    message: 'The approved call ran and failed.',
    next: 'Read the detail and correct the request before calling again.',
  },
  ERR_APPROVAL_LIMIT: {
    status: 200,
    message: 'This caller has as many undecided approvals as are allowed at once.',
    next: 'Wait for a decision, or withdraw_approval what is no longer wanted.',
  },
  ERR_APPROVAL_RATE: {
    status: 200,
    message: 'This caller asks for approvals too often.',
    next: 'Wait a minute, then call again.',
  },
  ERR_APPROVAL_NOBODY: {
    status: 200,
    message: 'Policy asks for an approval that nobody can give.',
    next: 'Tell an operator: the rule names no reviewers, or a reviewer set is empty.',
  },
  ERR_REASON_REQUIRED: {
    status: 200,
    message: 'Reviewers need a reason for this call.',
    next: 'Call again with `reason`: one sentence on why it is needed.',
  },
  ERR_PREVIEW_REQUIRED: {
    status: 200,
    message: 'Policy asks for a preview of the effect, and none can be made for this call.',
    next: 'Rewrite the call so that its effect can be foreseen, for example as one plain statement.',
  },
  ERR_OUTCOME_UNKNOWN: {
    status: 200,
    message: 'The call was started, and whether it took effect is not known.',
    next: 'Look at the target before deciding whether to call again.',
  },
  ERR_LEASE_LOST: {
    status: 503,
    message: 'Another instance of the gateway has taken over; this one must not go on.',
    next: 'Call again; what happened so far is kept.',
  },
  ERR_IDEMPOTENCY_CONFLICT: {
    status: 200,
    message: 'This idempotency_key was used for a different call.',
    next: 'Use a new idempotency_key for a new call.',
  },
  ERR_IDEMPOTENCY_RUNNING: {
    status: 200,
    message: 'A call with this idempotency_key is still running.',
    next: 'Call again in a few seconds with the same idempotency_key.',
  },
  ERR_REVOKED: {
    status: 403,
    message: 'Access was revoked by an operator.',
    next: 'Tell the person who runs this agent; calling again does not help.',
  },
  ERR_STORE: {
    status: 503,
    message: 'The approval store cannot be used, so nothing runs.',
    next: 'Call again later; tell an operator if it goes on.',
  },
  ERR_LINK_OFFER: {
    status: 404,
    message: 'This address was used, or is too old.',
    next: 'Ask for a new one in Slack: /countersign link. It works once, for ten minutes.',
  },
  ERR_LINK_CODE: {
    status: 403,
    message: 'This is not the code that the console showed for this account, or it is too old.',
    next: 'Begin again with /countersign link, open the address yourself, and type the code that you see.',
  },
  ERR_LINK_FIXED: {
    status: 409,
    message: 'The operators of this gateway have said who uses this Slack account.',
    next: 'Ask them: it is in approvals.slack.users.',
  },
  ERR_LINK_OFF: {
    status: 404,
    message: 'Slack accounts cannot be linked here.',
    next: 'Ask the operators for an entry in approvals.slack.users, or for the console and approvals.slack.linking.',
  },
  ERR_STATISTICS_QUERY: {
    status: 400,
    message: 'Statistics are not kept for that.',
    next: 'Ask with since=24h, 7d or 30d, and by=asked, approved, denied, expired or time.',
  },
  ERR_VOTE_MALFORMED: {
    status: 400,
    message: 'The request does not have the expected form.',
    next: 'Send {"digest": "hmac-sha256:...", "reason": "..."} as JSON.',
  },
  ERR_VOTE_UNKNOWN: {
    status: 404,
    message: 'No approval of that id is open to this reviewer.',
    next: 'Use an id from the list of approvals.',
  },
  ERR_VOTE_METHOD: {
    status: 405,
    message: 'This path does not take that method.',
    next: 'GET /api/approvals[/ID], POST /api/approvals/ID/approve, /deny or /modify.',
  },
  ERR_VOTE_NOT_REVIEWER: {
    status: 403,
    message: 'This person is not a reviewer for this approval.',
    next: 'Ask a member of the reviewer set that the approval names.',
  },
  ERR_VOTE_MEMBERSHIP: {
    status: 403,
    message: 'Whether this person is a reviewer could not be established, so the vote does not count.',
    next: 'Log in again; if it goes on, tell an operator that group membership cannot be read.',
  },
  ERR_VOTE_OWN_CALL: {
    status: 403,
    message: 'Nobody decides on their own call, nor on the call of an agent that acts for them.',
    next: 'Ask another reviewer.',
  },
  ERR_VOTE_OWNER: {
    status: 403,
    message: 'An owner of the agent does not decide on its calls.',
    next: 'Ask another reviewer.',
  },
  ERR_VOTE_AUTHOR: {
    status: 403,
    message: 'Nobody approves what they wrote themselves, whichever account they use.',
    next: 'Ask another reviewer to approve it; denying it is open to its author.',
  },
  ERR_VOTE_REASON: {
    status: 400,
    message: 'A denial needs a reason.',
    next: 'Say in one sentence what would have to differ; the agent is told.',
  },
  ERR_VOTE_DIGEST: {
    status: 409,
    message: 'The request that was shown is not the one that is stored.',
    next: 'Load the request again and read it before deciding.',
  },
  ERR_VOTE_DECIDED: {
    status: 409,
    message: 'The decision has been made already.',
    next: 'Nothing is left to do; the request shows who decided.',
  },
  ERR_MODIFY_FIELD: {
    status: 400,
    message: 'A change names something that cannot be changed.',
    next: 'Change arguments of the tool; its connection, its reason and its idempotency key stay as they are.',
  },
  ERR_MODIFY_FORM: {
    status: 400,
    message: 'A changed argument does not have the form that the tool takes.',
    next: 'Write lists, numbers and objects as JSON.',
  },
  ERR_MODIFY_HIDDEN: {
    status: 409,
    message: 'Part of this request is hidden, so what holds it can only be replaced whole.',
    next: 'Write every argument that is marked as hidden anew, without a [masked:...] in it.',
  },
  ERR_MODIFY_QUOTES: {
    status: 400,
    message: 'The change holds typographic quotes, which keyboards of telephones put in by themselves.',
    next: 'Write straight quotes, or change the request in the console.',
  },
  ERR_MODIFY_NOTHING: {
    status: 409,
    message: 'The changed request is the same as the one that waits.',
    next: 'Approve or deny it, or change something.',
  },
  ERR_MODIFY_EXISTS: {
    status: 409,
    message: 'The agent has asked for exactly this before, and that request still answers.',
    next: 'Look at that request; deny this one if it is not wanted any more.',
  },
  ERR_MODIFY_DENIED: {
    status: 409,
    message: 'Policy denies the changed call to this agent; nothing was changed.',
    next: 'Change it to something that the agent may do, or deny the request.',
  },
  ERR_MODIFY_RATE: {
    status: 429,
    message: 'This reviewer has changed too many requests within the hour.',
    next: 'Deny the request with a reason; the agent can ask for something better.',
  },
  ERR_MODIFY_OLD: {
    status: 409,
    message: 'This request was made by an older version, which did not keep what a change is judged by.',
    next: 'Deny it with a reason; the agent can ask again.',
  },
  ERR_REVEAL_NOT_ALLOWED: {
    status: 403,
    message: 'No reviewer set of this person that is asked now may see what is hidden.',
    next: 'Judge it without, or ask somebody whose set has mayReveal in the configuration.',
  },
  ERR_REVEAL_NOTHING: {
    status: 409,
    message: 'Nothing that may be shown is hidden in this request.',
    next: 'Secrets and credentials of the gateway stay hidden from everybody.',
  },
  ERR_REVEAL_CHANGED: {
    status: 409,
    message: 'What would run now is not what the request shows, so nothing of it was shown.',
    next: 'Deny it with a reason; the agent can ask again.',
  },
  ERR_VOTE_EXPIRED: {
    status: 409,
    message: 'The request expired before this vote.',
    next: 'The agent can ask again; nothing was executed.',
  },

  // console
  ERR_CONSOLE_SESSION: {
    status: 401,
    message: 'Nobody is signed in here, or the session has ended.',
    next: 'Sign in again; nothing was decided.',
  },
  ERR_CONSOLE_LOGIN: {
    status: 403,
    message: 'The login could not be completed.',
    next: 'Start again from the sign-in page of the console.',
  },
  ERR_CONSOLE_FORM: {
    status: 403,
    message: 'The form did not come from a page of this session.',
    next: 'Load the request again and decide there; nothing was decided.',
  },
  ERR_CONSOLE_UNREAD: {
    status: 400,
    message: 'Something in this request is hidden or could deceive, so one click does not approve it.',
    next: 'Read the whole request, confirm that you did, and approve.',
  },
  ERR_CONSOLE_PAGE: {
    status: 404,
    message: 'The console has no such page.',
    next: 'Go on from the list of requests.',
  },
  ERR_CONSOLE_BUSY: {
    status: 503,
    message: 'The trail is being read for somebody else.',
    next: 'Try again in a moment.',
  },

  // slack
  ERR_SLACK_SIGNATURE: {
    status: 401,
    message: 'The request was not signed by Slack for this app just now.',
    next: 'Check approvals.slack.signingSecret and the clock of this machine; a request is accepted once.',
  },
  ERR_SLACK_CLICK: {
    status: 403,
    message: 'This does not come from the message of that request, in its channel and workspace.',
    next: 'Use the buttons under the request in the approvals channel.',
  },
  ERR_SLACK_LOOKUP: {
    status: 503,
    message: 'Slack could not say whose account this is, so nothing was decided.',
    next: 'Try again in a moment, or decide in the console or with countersign approvals.',
  },
  ERR_SLACK_DIRECTORY: {
    status: 503,
    message: 'The directory could not say whose e-mail address this is, so nothing was decided.',
    next: 'Try again in a moment, type /countersign link, or decide in the console. Operators: it needs Graph with User.Read.All.',
  },
  ERR_SLACK_ACCOUNT: {
    status: 403,
    message: 'Guests, bots, deactivated accounts and other workspaces decide nothing.',
    next: 'Use your own account, as a full member of the workspace of this app.',
  },
  ERR_SLACK_UNLINKED: {
    status: 403,
    message: 'This Slack account is not linked to a person in the directory.',
    next: 'Type /countersign link. Where that is off, ask an administrator for an entry in approvals.slack.users.',
  },
  ERR_SLACK_UNREAD: {
    status: 403,
    message: 'Something in this request is hidden, long or could deceive, so one click does not approve it.',
    next: 'Open the full text, read it, and approve there.',
  },

  // masking
  ERR_PLACEHOLDER: {
    status: 200,
    message: 'An argument contains a masking placeholder where a value belongs.',
    next: 'A masked value cannot be used; select what is meant by something that is not masked.',
  },
  ERR_MASKING: {
    status: 200,
    message: 'The output could not be masked, so it was withheld.',
    next: 'Tell an operator the call id.',
  },

  // trail
  ERR_AUDIT: {
    status: 503,
    message: 'The trail cannot be written, so nothing runs.',
    next: 'Tell an operator; call again when the gateway is ready.',
  },
  ERR_AUDIT_OUTCOME: {
    status: 200,
    message: 'The call ran, but its outcome could not be written to the trail, so the output is withheld.',
    next: 'Do not repeat it; tell an operator the call id.',
  },

  ERR_INTERNAL: { status: 500, message: 'Internal error.', next: 'Tell an operator the call id.' },
} as const satisfies Record<string, ErrorRow>

interface ErrorRow {
  readonly status: number
  readonly message: string
  readonly next: string
}

export type ErrorCode = keyof typeof ERRORS

interface GateErrorOptions {
  /** What exactly, in one sentence. Reaches the agent: never a secret, never a driver's message. */
  readonly detail?: string
  /** The underlying failure. Logged, never sent to the agent and never written to the trail. */
  readonly cause?: unknown
  /** Structured facts for a machine that reads the refusal, safe to show. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>
}

/** An expected stop: the call was turned back at a stage. Anything else that is thrown is a bug (ERR_INTERNAL). */
export class GateError extends Error {
  override readonly name = 'GateError'
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly facts: Readonly<Record<string, string | number | boolean>>

  constructor(code: ErrorCode, { detail, cause, facts = {} }: GateErrorOptions = {}) {
    super(
      detail === undefined ? ERRORS[code].message : `${ERRORS[code].message} ${detail}`,
      cause === undefined ? undefined : { cause },
    )
    this.code = code
    this.detail = detail
    this.facts = facts
  }

  /** What the caller should do now. */
  get next(): string {
    return ERRORS[this.code].next
  }
}
