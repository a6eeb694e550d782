{{/* What the objects of this release are called: `pollwatch` for a release of that name. */}}
{{- define "pollwatch.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "pollwatch.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: pollwatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: pollwatch
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of every object with those of one object laid over them: `list $ LABELS`. A key that is in both stands once. */}}
{{- define "pollwatch.labelsWith" -}}
{{- $labels := include "pollwatch.labels" (first .) | fromYaml }}
{{- range rest . }}
{{- $labels = default dict . | deepCopy | mergeOverwrite $labels }}
{{- end }}
{{- toYaml $labels }}
{{- end }}

{{/* What the operator's Pods are selected by. Immutable: it names no mode, no version. */}}
{{- define "pollwatch.selectorLabels" -}}
app.kubernetes.io/name: pollwatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "pollwatch.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "pollwatch.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The image of the operator, and of workers whose pool names no other. */}}
{{- define "pollwatch.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- if .Values.image.digest }}
{{- $image = printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- end }}
{{- $image }}
{{- end }}

{{/* Not empty where workers in pools probe, and not the operator itself. */}}
{{- define "pollwatch.pools" -}}
{{- if eq .Values.mode "pools" }}yes{{ end }}
{{- end }}

{{- define "pollwatch.replicas" -}}
{{- if kindIs "invalid" .Values.replicas }}
{{- ternary 2 1 (eq .Values.mode "pools") }}
{{- else }}
{{- int .Values.replicas }}
{{- end }}
{{- end }}

{{/* The subject of the operator's bindings. */}}
{{- define "pollwatch.subjects" -}}
- kind: ServiceAccount
  name: {{ include "pollwatch.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
