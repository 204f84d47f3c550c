{{/* The parts of an HTTPRoute's rules. */}}

{{/* The canaries as a JSON list, whether one was written or several. */}}
{{- define "skerry.canaries" -}}
{{- $traffic := include "skerry.traffic" . | fromJson }}
{{- with $traffic.canary }}{{ list . | toJson }}{{ else }}{{ $traffic.canaries | default list | toJson }}{{ end }}
{{- end }}

{{/* Percent as an integer, of 10,000. */}}
{{- define "skerry.weight" -}}
{{- round (mulf . 100) 0 | int64 }}
{{- end }}

{{/* One of a rule's backends, as an entry of their list. Arguments: root, version, weight (optional). */}}
{{- define "skerry.backend" -}}
- name: {{ include "skerry.versionName" . }}
  port: {{ .root.Values.service.port }}
  {{- if hasKey . "weight" }}
  weight: {{ .weight }}
  {{- end }}
{{- end }}

{{/*
A rule's filters: requests are mirrored to the shadow, unless it answers them itself.
Arguments: root, version that answers.
*/}}
{{- define "skerry.mirror" -}}
{{- $version := .version }}
{{- $root := .root }}
{{- with (include "skerry.traffic" .root | fromJson).shadow }}
{{- $sample := hasKey . "sample" | ternary .sample 100 | float64 }}
{{- if and (ne .version $version) (gt $sample 0.0) -}}
filters:
  - type: RequestMirror
    requestMirror:
      backendRef:
        name: {{ include "skerry.versionName" (dict "root" $root "version" .version) }}
        port: {{ $root.Values.service.port }}
      {{- if eq $sample (floor $sample) }}
      {{- if lt $sample 100.0 }}
      percent: {{ $sample | int64 }}
      {{- end }}
      {{- else }}
      fraction:
        numerator: {{ include "skerry.weight" $sample }}
        denominator: 10000
      {{- end }}
{{- end }}
{{- end }}
{{- end }}
