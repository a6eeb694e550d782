{{/* What the operator is told on its command line: only what differs from its own defaults. */}}
{{- define "pollwatch.arguments" -}}
- operator
- --listen=:9877
{{- if include "pollwatch.pools" . }}
- --system-namespace=$(POD_NAMESPACE)
- --worker-image={{ include "pollwatch.image" . }}
{{- if ne .Values.defaultPool.name "default" }}
- --default-pool={{ .Values.defaultPool.name }}
{{- end }}
{{- else }}
- --embedded
{{- range .Values.embedded.allowEgress }}
- --allow-egress={{ . }}
{{- end }}
{{- end }}
{{- range .Values.rbac.namespaces }}
- --namespace={{ . }}
{{- end }}
{{- if ne (int .Values.resyncPeriodSeconds) 300 }}
- --resync-period={{ int .Values.resyncPeriodSeconds }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "pollwatch.podAnnotations" -}}
{{- if .Values.scrapeAnnotations.enabled }}
prometheus.io/scrape: "true"
prometheus.io/port: "9877"
prometheus.io/path: /metrics
{{- end }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Over nodes and zones as far as there are any, where there are several operators. */}}
{{- define "pollwatch.topologySpreadConstraints" -}}
{{- if .Values.topologySpreadConstraints }}
{{- toYaml .Values.topologySpreadConstraints }}
{{- else if include "pollwatch.pools" . }}
{{- range $index, $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
{{- if $index }}
{{ end -}}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "pollwatch.selectorLabels" $ | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}
