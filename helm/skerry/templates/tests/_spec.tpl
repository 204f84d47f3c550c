{{/*
What `helm test` expects, as files/helm_test.py reads it. A Gateway is asked after the Services
behind it, and has no traffic policy of its own.
*/}}
{{- define "skerry.testSpec" -}}
{{- $root := . }}
{{- $traffic := include "skerry.traffic" . | fromJson }}
{{- $gateway := eq $traffic.mode "gateway" }}
{{- $all := include "skerry.versions" . | fromJson | keys | sortAlpha }}
{{- $canaries := list }}
{{- $routed := list }}
{{- $named := list $traffic.stable }}
{{- $rest := 10000 }}
{{- range include "skerry.canaries" . | fromJsonArray }}
{{- $weight := include "skerry.weight" (.weight | default 0) | int64 }}
{{- $rest = sub $rest $weight }}
{{- $named = append $named .version }}
{{- if $weight }}{{ $routed = append $routed .version }}{{ end }}
{{- if .headers }}
{{- $canaries = append $canaries (dict "version" .version "headers" .headers "track" ($gateway | ternary "stable" "canary")) }}
{{- end }}
{{- end }}
{{- if $rest }}{{ $routed = prepend $routed $traffic.stable }}{{ end }}
{{- with $traffic.shadow }}{{ $named = append $named .version | uniq }}{{ end }}
{{- $servers := list }}
{{- range include "skerry.workloads" . | fromJsonArray }}
{{- $server := dict
  "url" (printf "http://%s.%s:%v" .name $root.Release.Namespace $root.Values.service.port)
  "headers" dict
  "generation" (include "skerry.generation" (dict "root" $root "workload" .)) }}
{{- if $gateway }}
{{- $_ := merge $server (dict "versions" (list .version) "stable" .version "routed" (list .version) "canaries" list) }}
{{- else }}
{{- $versions := empty $traffic.versions | ternary $all $named }}
{{- if kindIs "slice" $traffic.versions }}{{ $versions = concat $named $traffic.versions | uniq }}{{ end }}
{{- $_ := merge $server (dict "versions" $versions "stable" $traffic.stable "routed" $routed "canaries" $canaries) }}
{{- end }}
{{- $servers = append $servers $server }}
{{- end }}
{{- if and $gateway .Values.helmTest.gatewayUrl }}
{{- $headers := dict }}
{{- with $traffic.gateway.hostnames }}{{ $_ := set $headers "Host" (first . | replace "*" "skerry") }}{{ end }}
{{- $servers = append $servers (dict "url" (.Values.helmTest.gatewayUrl | trimSuffix "/") "headers" $headers "generation" "" "versions" $all "stable" $traffic.stable "routed" $routed "canaries" $canaries) }}
{{- end }}
{{- dict "model" .Values.model.name "row" .Values.model.exampleRow "timeout_s" .Values.helmTest.timeoutSeconds "servers" $servers | toPrettyJson }}
{{- end }}
