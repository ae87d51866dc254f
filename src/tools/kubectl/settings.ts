import * as z from 'zod'
import { secretReference } from '../../settings/secretReference.ts'
import { byteSize, duration } from '../../settings/units.ts'
import { isNamespaceName } from './args/names.ts'

/** `configmaps:/data/*`, `apps/deployments:/spec/template/spec/volumes`: a resource, and a JSON pointer with `*` for any one member. */
const maskPointer = z
  .string()
  .regex(/^[a-z0-9.-]+(\/[a-z0-9.-]+)?:(\/[^/]+)+$/, 'a resource and a pointer, such as configmaps:/data/*')

/**
 * A connection of `type: kubernetes`. What the account may do by RBAC is the real limit of what can happen; docs/kubectl.md
 * has a role to begin with.
 */
export const kubernetesConnection = z
  .strictObject({
    type: z.literal('kubernetes'),
    /** The whole kubeconfig is a secret. Credential plugins (`exec`) are run only because they stand in this file. */
    kubeconfig: secretReference.optional(),
    /** The context of the kubeconfig that is used; its `current-context` and its namespace are not. */
    context: z.string().min(1).max(253).optional(),
    /** The service account of the pod that the gateway runs in. */
    inCluster: z.literal(true).optional(),
    /** Where a call without `-n` goes. */
    namespace: z.string().refine(isNamespaceName, 'the name of a namespace').default('default'),
    limits: z
      .strictObject({
        /** For each request to the API server, and for a command that `exec` runs. */
        timeout: duration.default(30_000),
        /** Bytes of a result that reach the agent, after masking. */
        maxBytes: byteSize.default(1024 ** 2),
        /** Objects of a list that reach the agent. */
        maxObjects: z.int().min(1).max(10_000).default(500),
        /** Objects that one call may change. */
        maxChanges: z.int().min(1).max(500).default(50),
        /** Lines of a log that reach the agent. */
        logLines: z.int().min(1).max(100_000).default(1_000),
      })
      .prefault({}),
    /** Hidden beside what is always hidden. */
    mask: z.array(maskPointer).default([]),
    /** Images that need no approval; absent means that images are not judged. `*` stands for any characters. */
    trustedImages: z.array(z.string().min(1).max(512)).optional(),
    labels: z.record(z.string().min(1).max(63), z.string().max(63)).default({}),
  })
  .refine(({ kubeconfig, inCluster }) => (kubeconfig === undefined) !== (inCluster === undefined), {
    message: 'name either a kubeconfig or inCluster: true',
  })
  .refine(({ kubeconfig, context }) => (kubeconfig === undefined) === (context === undefined), {
    path: ['context'],
    message: 'name the context of the kubeconfig, which is pinned (and none with inCluster)',
  })

export type KubernetesConnection = z.output<typeof kubernetesConnection>
