import { settingsOf } from '../settingsOf.ts'
import type { ToolParts } from '../tool.ts'
import { type Cluster, openCluster } from './cluster/openCluster.ts'
import type { KubernetesConnection } from './settings.ts'

/** The clusters of all connections, opened when first needed, and opened anew when their settings change. */
export interface Clusters {
  settings(connectionName: string): KubernetesConnection
  cluster(connectionName: string): Cluster
  /** Reads every kubeconfig again with its next use. Calls that run are not disturbed. */
  reconnect(): void
  close(): void
}

export function openClusters(parts: ToolParts<KubernetesConnection>): Clusters {
  const open = new Map<string, { readonly settings: KubernetesConnection; readonly cluster: Cluster }>()
  const left = new Set<Cluster>()
  const settings = (name: string) => settingsOf(parts.connections(), name)
  return {
    settings,
    cluster(name) {
      const inForce = settings(name)
      const known = open.get(name)
      if (known?.settings === inForce) return known.cluster
      if (known !== undefined) left.add(known.cluster)
      const cluster = openCluster(inForce, parts)
      open.set(name, { settings: inForce, cluster })
      return cluster
    },
    reconnect() {
      for (const { cluster } of open.values()) left.add(cluster)
      open.clear()
    },
    close() {
      for (const cluster of left) cluster.close()
      for (const { cluster } of open.values()) cluster.close()
      open.clear()
    },
  }
}
