{{/* Made by `make generate` from manifests/rbac/; change that. */}}

{{- define "pollwatch.rights.alerts.cluster-role" -}}
- apiGroups: [monitoring.coreos.com]
  resources: [prometheusrules]
  verbs: [get, list, create, patch, delete]
- apiGroups: [grafana.integreatly.org]
  resources: [grafanafolders, grafanaalertrulegroups]
  verbs: [get, list, create, patch, delete]
{{- end }}

{{- define "pollwatch.rights.alerts.monitors" -}}
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors, podmonitors]
  verbs: [get, list, create, patch, delete]
- apiGroups: [grafana.integreatly.org]
  resources: [grafanadashboards]
  verbs: [get, list, create, patch, delete]
- apiGroups: [grafana.integreatly.org]
  resources: [grafanafolders, grafanaalertrulegroups]
  verbs: [get, list, create, patch, delete]
{{- end }}

{{- define "pollwatch.rights.cluster-role" -}}
# Checks are read, and only their status is written: no annotation, no finalizer.
- apiGroups: [pollwatch.dev]
  resources: [checks]
  verbs: [list, watch]
- apiGroups: [pollwatch.dev]
  resources: [checks/status]
  verbs: [patch]
# What Checks refer to; it is kept in memory only while one does.
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- define "pollwatch.rights.namespaced.role" -}}
# Checks are read, and only their status is written: no annotation, no finalizer.
- apiGroups: [pollwatch.dev]
  resources: [checks]
  verbs: [list, watch]
- apiGroups: [pollwatch.dev]
  resources: [checks/status]
  verbs: [patch]
# What Checks refer to; it is kept in memory only while one does.
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- define "pollwatch.rights.pools.cluster-role" -}}
- apiGroups: [pollwatch.dev]
  resources: [probepools]
  verbs: [get, list, watch]
- apiGroups: [pollwatch.dev]
  resources: [probepools/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}

{{- define "pollwatch.rights.pools.default-namespace" -}}
- apiGroups: [""]
  resources: [services]
  resourceNames: [kubernetes]
  verbs: [get]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  resourceNames: [kubernetes]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- define "pollwatch.rights.pools.role" -}}
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, patch, delete]
# Plans and keys; one that somebody else changed is read again.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
# A right to create cannot be bound to a name: there is nothing of that name yet.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [pollwatch]
  verbs: [get, update]
{{- end }}

{{- define "pollwatch.rights.pools-edit" -}}
- apiGroups: [pollwatch.dev]
  resources: [probepools]
  verbs: [create, delete, deletecollection, get, list, patch, update, watch]
- apiGroups: [pollwatch.dev]
  resources: [probepools/scale]
  verbs: [get, patch, update]
{{- end }}

{{- define "pollwatch.rights.pools-view" -}}
- apiGroups: [pollwatch.dev]
  resources: [probepools]
  verbs: [get, list, watch]
{{- end }}

{{- define "pollwatch.rights.checks-edit" -}}
- apiGroups: [pollwatch.dev]
  resources: [checks]
  verbs: [create, delete, deletecollection, patch, update]
{{- end }}

{{- define "pollwatch.rights.checks-view" -}}
- apiGroups: [pollwatch.dev]
  resources: [checks]
  verbs: [get, list, watch]
{{- end }}
