{{/* What the operator is told on its command line: only what differs from its own defaults. */}}
{{- define "pollwatch.arguments" -}}
- operator
- --listen=:9877
- --system-namespace=$(POD_NAMESPACE)
{{- if include "pollwatch.pools" . }}
- --worker-image={{ include "pollwatch.image" . }}
{{- if ne .Values.defaultPool.name "default" }}
- --default-pool={{ .Values.defaultPool.name }}
{{- end }}
{{- if .Values.defaultPool.create }}
- --default-pool-file=/etc/pollwatch/default-pool.yaml
{{- if .Values.rbac.create }}
- --default-pool-owner={{ include "pollwatch.fullname" . }}-operator-default-pool
{{- end }}
{{- end }}
{{- else }}
- --embedded
{{- range .Values.embedded.allowEgress }}
- {{ printf "--allow-egress=%s" . | quote }}
{{- end }}
{{- end }}
{{- range .Values.rbac.namespaces }}
- --namespace={{ . }}
{{- end }}
{{- if ne (int .Values.resyncPeriodSeconds) 300 }}
- --resync-period={{ int .Values.resyncPeriodSeconds }}
{{- end }}
{{- with include "pollwatch.alertOwner" . }}
- --alert-owner={{ . }}
{{- end }}
{{- include "pollwatch.alertArguments" . }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "pollwatch.alertArguments" -}}
{{- $alerts := .Values.alerts }}
{{- if eq $alerts.prometheusRules "never" }}
- --prometheus-rules=never
{{- end }}
{{- if eq $alerts.grafanaRules "never" }}
- --grafana-rules=never
{{- end }}
{{- if not (include "pollwatch.writesMonitors" .) }}
- --monitors=never
{{- end }}
{{- if not (include "pollwatch.writesDashboards" .) }}
- --dashboards=never
{{- else if ne .Values.grafana.folder "Pollwatch" }}
- {{ printf "--dashboard-folder=%s" .Values.grafana.folder | quote }}
{{- end }}
{{- if not $alerts.enabled }}
- --alert-enabled=false
{{- end }}
{{- with $alerts.severity }}
- --alert-severity={{ . }}
{{- end }}
{{- with $alerts.for }}
- --alert-for={{ . }}
{{- end }}
{{- range $name, $value := $alerts.labels }}
- {{ printf "--alert-label=%s=%s" $name $value | quote }}
{{- end }}
{{- range $name, $value := $alerts.annotations }}
- {{ printf "--alert-annotation=%s=%s" $name $value | quote }}
{{- end }}
{{- range $name, $value := $alerts.ruleLabels }}
- {{ printf "--rule-label=%s=%s" $name $value | quote }}
{{- end }}
{{- with $alerts.runbookBase }}
- {{ printf "--runbook-base=%s" . | quote }}
{{- end }}
{{- with $alerts.dashboardUrl }}
- {{ printf "--dashboard-url=%s" . | quote }}
{{- end }}
{{- range $name, $value := .Values.grafana.instanceSelector }}
- {{ printf "--grafana-instance-selector=%s=%s" $name $value | quote }}
{{- end }}
{{- if ne .Values.grafana.datasource "prometheus" }}
- {{ printf "--grafana-datasource=%s" .Values.grafana.datasource | quote }}
{{- end }}
{{- end }}

{{/* Not empty where the operator writes alert rules of Checks. */}}
{{- define "pollwatch.writesRules" -}}
{{- if has "auto" (list .Values.alerts.prometheusRules .Values.alerts.grafanaRules) }}yes{{ end }}
{{- end }}

{{/* Not empty where the operator writes monitors; those of the chart take their place. */}}
{{- define "pollwatch.writesMonitors" -}}
{{- if not (or (eq .Values.monitors "never") .Values.serviceMonitor.enabled .Values.podMonitor.enabled) }}yes{{ end }}
{{- end }}

{{/* Not empty where the operator writes dashboards; those of the chart take their place. */}}
{{- define "pollwatch.writesDashboards" -}}
{{- $grafana := .Values.grafana }}
{{- if not (or (eq $grafana.dashboardObjects "never") $grafana.dashboards.enabled $grafana.grafanaDashboards.enabled) }}yes{{ end }}
{{- end }}

{{/* Not empty where the operator writes something about Pollwatch itself. */}}
{{- define "pollwatch.writesOwnObjects" -}}
{{- if or (include "pollwatch.writesMonitors" .) (include "pollwatch.writesDashboards" .) (eq .Values.alerts.grafanaRules "auto") }}yes{{ end }}
{{- end }}

{{/* The ClusterRole that owns what the operator writes; empty where there is none. To read it takes a ClusterRoleBinding,
     of which there is none where an embedded operator serves a few namespaces only. */}}
{{- define "pollwatch.alertOwner" -}}
{{- $writes := or (include "pollwatch.writesRules" .) (include "pollwatch.writesOwnObjects" .) }}
{{- if and .Values.rbac.create $writes (include "pollwatch.mayReadOwner" .) }}{{ include "pollwatch.fullname" . }}-operator-alert-owner{{ end }}
{{- end }}

{{- define "pollwatch.mayReadOwner" -}}
{{- if or (include "pollwatch.pools" .) (not .Values.rbac.namespaces) }}yes{{ end }}
{{- end }}

{{/* Not empty where the operator has something to write, or to take away that it wrote before. It has neither where nothing is
     written any more and there was an owner: Kubernetes deletes all of it with that. */}}
{{- define "pollwatch.keepsObjects" -}}
{{- if and .Values.rbac.create (or (include "pollwatch.alertOwner" .) (not (include "pollwatch.mayReadOwner" .))) }}yes{{ end }}
{{- end }}

{{/* The rules of `rights` as far as they are needed: of kinds in which nothing is `written` any more, what was written before is
     looked for and taken away, and nothing else. `written` goes by the first kind of a rule. */}}
{{- define "pollwatch.objectRights" -}}
{{- range $rule := include .rights . | fromYamlArray }}
{{- if not (get $.written (first $rule.resources)) }}
{{- $_ := set $rule "verbs" (without $rule.verbs "create" "patch") }}
{{- end }}
{{ list $rule | toYaml }}
{{- end }}
{{- end }}

{{/* The ProbePool that the operator makes. No label of it changes with the chart's version: a pool that
     differs is applied anew, over what was scaled by hand. */}}
{{- define "pollwatch.defaultPool" -}}
{{- $template := dict }}
{{- with .Values.imagePullSecrets }}
{{- $_ := set $template "imagePullSecrets" . }}
{{- end }}
{{- if .Values.scrapeAnnotations.enabled }}
{{- $_ := set $template "annotations" (include "pollwatch.scrapeAnnotations" . | fromYaml) }}
{{- end }}
{{- $spec := deepCopy .Values.defaultPool.spec }}
{{- if $template }}
{{- $spec = dict "template" $template | merge $spec }}
{{- end -}}
apiVersion: pollwatch.dev/v1alpha1
kind: ProbePool
metadata:
  name: {{ .Values.defaultPool.name }}
  labels:
    app.kubernetes.io/name: pollwatch
    app.kubernetes.io/instance: {{ .Release.Name }}
    app.kubernetes.io/part-of: pollwatch
    {{- with .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- toYaml $spec | nindent 2 }}
{{- end }}

{{- define "pollwatch.scrapeAnnotations" -}}
prometheus.io/scrape: "true"
prometheus.io/port: "9877"
prometheus.io/path: /metrics
{{- end }}

{{- define "pollwatch.podAnnotations" -}}
{{- $annotations := deepCopy .Values.podAnnotations }}
{{- if .Values.scrapeAnnotations.enabled }}
{{- $annotations = include "pollwatch.scrapeAnnotations" . | fromYaml | merge $annotations }}
{{- end }}
{{- if and .Values.defaultPool.create (include "pollwatch.pools" .) }}
{{- $_ := set $annotations "checksum/default-pool" (include "pollwatch.defaultPool" . | sha256sum) }}
{{- end }}
{{- with $annotations }}
{{- toYaml . }}
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

{{/* One endpoint of a monitor: what `serviceMonitor` or `podMonitor` says of it. */}}
{{- define "pollwatch.endpoint" -}}
path: /metrics
# The label `namespace` of a series is the Check's, not the Pod's.
honorLabels: true
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
{{ toYaml . }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
{{ toYaml . }}
{{- end }}
{{- end }}
