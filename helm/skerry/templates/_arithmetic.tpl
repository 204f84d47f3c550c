{{/* Seconds, and what follows from them. */}}

{{/* A setting as a number. Arguments: root, name, default. */}}
{{- define "skerry.seconds" -}}
{{- $settings := include "skerry.settings" .root | fromJson }}
{{- hasKey $settings .name | ternary (index $settings .name) .default | float64 }}
{{- end }}

{{/* How long one load may take. */}}
{{- define "skerry.loadSeconds" -}}
{{- include "skerry.seconds" (dict "root" . "name" "SKERRY_LOAD_TIMEOUT_S" "default" 300) }}
{{- end }}

{{/*
How long the start may take: so many loads at their timeout, one after the other, and a minute for
the rest. The number of versions must not come in, or a new version would change the pods; a pod of
mode gateway has one.
*/}}
{{- define "skerry.startSeconds" -}}
{{- $loads := eq .Values.traffic.mode "gateway" | ternary 1 .Values.probes.startup.loads }}
{{- addf (mulf (include "skerry.loadSeconds" . | float64) $loads) 60 | ceil | int64 }}
{{- end }}

{{- define "skerry.startupFailures" -}}
{{- $period := .Values.probes.startup.periodSeconds }}
{{- .Values.probes.startup.failureThreshold | default (divf (include "skerry.startSeconds" . | float64) $period | ceil) | int64 }}
{{- end }}

{{/* kubelet gives up on a rollout only when a pod had all the time that it may take to start. */}}
{{- define "skerry.progressSeconds" -}}
{{- $start := mulf (include "skerry.startupFailures" . | float64) .Values.probes.startup.periodSeconds }}
{{- maxf 600 (addf $start 60) | ceil | int64 }}
{{- end }}

{{/* How long one export of traces may take: what extraEnv says, or the server's default. */}}
{{- define "skerry.exportSeconds" -}}
{{- $seconds := empty .Values.otel.endpoint | ternary 0 10 }}
{{- range .Values.extraEnv }}
{{- if and (eq .name "OTEL_EXPORTER_OTLP_TIMEOUT") .value $.Values.otel.endpoint }}{{ $seconds = .value }}{{ end }}
{{- end }}
{{- $seconds }}
{{- end }}

{{/* What the end of a pod takes at most; the exporter of traces is waited for once. */}}
{{- define "skerry.endSeconds" -}}
{{- $drain := include "skerry.seconds" (dict "root" . "name" "SKERRY_DRAIN_DELAY_S" "default" 2) | float64 }}
{{- $shutdown := include "skerry.seconds" (dict "root" . "name" "SKERRY_SHUTDOWN_TIMEOUT_S" "default" 30) | float64 }}
{{- addf .Values.preStopSleepSeconds $drain $shutdown (include "skerry.exportSeconds" . | float64) | ceil | int64 }}
{{- end }}
