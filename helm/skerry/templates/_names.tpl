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
{{- include "skerry.labelsOf" (dict "root" . "image" .Values.image) }}
{{- end }}

{{/* The same, of what runs an image. Arguments: root, image. */}}
{{- define "skerry.labelsOf" -}}
{{ include "skerry.releaseLabels" .root }}
app.kubernetes.io/version: {{ .image.tag | default .root.Chart.AppVersion | include "skerry.text" | include "skerry.labelValue" | quote }}
app.kubernetes.io/part-of: skerry
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | include "skerry.labelValue" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A text as a label takes it: at most 63 characters, a letter or digit first and last. */}}
{{- define "skerry.labelValue" -}}
{{- regexReplaceAll "^[^A-Za-z0-9]+|[^A-Za-z0-9]+$" (replace "+" "_" . | trunc 63) "" }}
{{- end }}

{{/* Keys of labels that the chart sets itself, and that no value may set. */}}
{{- define "skerry.ownLabels" -}}
{{- list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/part-of" "app.kubernetes.io/managed-by" "app.kubernetes.io/component" "helm.sh/chart" "skerry/version" | toJson }}
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
{{ include "skerry.labelsOf" (dict "root" .root "image" .workload.image) }}
app.kubernetes.io/component: server
{{- with .workload.version }}
skerry/version: {{ . | quote }}
{{- end }}
{{- end }}
