{{/*
Names and labels. Nothing here depends on a version of the model or on traffic, so that neither
changes what a pod is made of.
*/}}

{{- define "skerry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "skerry.fullname" -}}
{{- $name := include "skerry.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "skerry.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "skerry.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Labels of everything in the release. */}}
{{- define "skerry.labels" -}}
{{ include "skerry.releaseLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/part-of: skerry
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "skerry.releaseLabels" -}}
app.kubernetes.io/name: {{ include "skerry.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/*
What finds the pods of a workload. Arguments: root, workload.
Pods of `helm test` have another component, so that no Service sends them a request.
*/}}
{{- define "skerry.selectorLabels" -}}
{{ include "skerry.releaseLabels" .root }}
app.kubernetes.io/component: server
{{- with .workload.version }}
skerry/version: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Labels of an object that belongs to a workload. Arguments: root, workload. */}}
{{- define "skerry.workloadLabels" -}}
{{ include "skerry.labels" .root }}
app.kubernetes.io/component: server
{{- with .workload.version }}
skerry/version: {{ . | quote }}
{{- end }}
{{- end }}
