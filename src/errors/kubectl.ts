import type { ErrorRow } from './errorRow.ts'

/** `ERR_KUBECTL_*`: `kubectl`. */
export const KUBECTL_ERRORS = {
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
} as const satisfies Record<string, ErrorRow>
