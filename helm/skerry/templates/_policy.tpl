{{/*
The values of traffic as JSON, with text where a version is meant and numbers where a percentage is:
Helm's --set makes an integer of the version 10, and text of the weight 33.33.
*/}}
{{- define "skerry.traffic" -}}
{{- $traffic := deepCopy .Values.traffic }}
{{- $entries := $traffic.canaries | default list }}
{{- range $key := list "canary" "shadow" }}
{{- with index $traffic $key }}{{ $entries = append $entries . }}{{ end }}
{{- end }}
{{- range $entry := $entries }}
{{- $_ := set $entry "version" (include "skerry.text" $entry.version) }}
{{- range $key := list "weight" "sample" }}
{{- if hasKey $entry $key }}{{ $_ := set $entry $key (index $entry $key | float64) }}{{ end }}
{{- end }}
{{- end }}
{{- if not (kindIs "invalid" $traffic.stable) }}
{{- $_ := set $traffic "stable" (include "skerry.text" $traffic.stable) }}
{{- end }}
{{- if kindIs "slice" $traffic.versions }}
{{- $versions := list }}
{{- range $traffic.versions }}{{ $versions = append $versions (include "skerry.text" .) }}{{ end }}
{{- $_ := set $traffic "versions" $versions }}
{{- end }}
{{- $traffic | toJson }}
{{- end }}

{{/*
The traffic policy, in the words of docs/traffic.md, exactly as it lies in the pods: its hash is the
generation that the server reports. Arguments: root, workload.
*/}}
{{- define "skerry.policy" -}}
{{- $values := .root.Values }}
{{- $traffic := include "skerry.traffic" .root | fromJson }}
{{- $policy := dict }}
{{- if .workload.version }}
{{- /* The Gateway deals requests out; a pod has one version and answers all that come. */}}
{{- $_ := set $policy "stable" .workload.version }}
{{- $_ := set $policy "versions" (list .workload.version) }}
{{- with index ($traffic.digests | default dict) .workload.version }}
{{- $_ := set $policy "digests" (dict $.workload.version .) }}
{{- end }}
{{- else }}
{{- $_ := set $policy "stable" $traffic.stable }}
{{- range $key := list "canary" "canaries" "sticky" "shadow" "digests" }}
{{- with index $traffic $key }}{{ $_ := set $policy $key . }}{{ end }}
{{- end }}
{{- $_ := set $policy "versions" ($traffic.versions | default (include "skerry.versions" .root | fromJson | keys | sortAlpha)) }}
{{- end }}
{{- dict "schema_version" 1 "models" (dict ($values.model.name | default "") $policy) | toYaml }}
{{- end }}

{{/* The first 12 hex digits of SHA-256 of the file's bytes, its last line break included. */}}
{{- define "skerry.generation" -}}
{{- printf "%s\n" (include "skerry.policy" .) | sha256sum | trunc 12 }}
{{- end }}

{{- define "skerry.policyName" -}}
{{- printf "%s-traffic" .workload.name }}
{{- end }}
