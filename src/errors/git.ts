import type { ErrorRow } from './errorRow.ts'

/** `ERR_GIT_*`: `git_push`. */
export const GIT_ERRORS = {
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
} as const satisfies Record<string, ErrorRow>
