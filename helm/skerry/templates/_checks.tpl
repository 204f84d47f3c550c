{{/*
What the schema can't say, because it is about two values. Helm runs templates in no order, so
whatever would break on such values begins with this.
*/}}
{{- define "skerry.check" -}}
{{- $problems := include "skerry.problems" . | trim }}
{{- if $problems }}
{{- fail (printf "these values can't be:\n%s" $problems) }}
{{- end }}
{{- end }}

{{/* One line for each thing that is wrong: what, and what to change. */}}
{{- define "skerry.problems" -}}
{{- include "skerry.clusterProblems" . }}
{{- include "skerry.modelProblems" . }}
{{- include "skerry.versionProblems" . }}
{{- include "skerry.trafficProblems" . }}
{{- include (eq .Values.traffic.mode "gateway" | ternary "skerry.gatewayProblems" "skerry.inProcessProblems") . }}
{{- include "skerry.timeProblems" . }}
{{- include "skerry.scalingProblems" . }}
{{- include "skerry.settingProblems" . }}
{{- include "skerry.nameProblems" . }}
{{- include "skerry.ingressProblems" . }}
{{- end }}

{{/*
In place of kubeVersion in Chart.yaml: without a cluster, a helm that was built by `go install`
takes itself for one of v1.20.0, and would render nothing.
*/}}
{{- define "skerry.clusterProblems" -}}
{{- $version := .Capabilities.KubeVersion.Version }}
{{- if and (semverCompare "<1.30.0-0" $version) (ne $version "v1.20.0") }}
- Kubernetes: expected 1.30 or newer, which has the sleep action that preStop uses, got {{ $version }}
{{- end }}
{{- end }}

{{- define "skerry.modelProblems" -}}
{{- if not .Values.model.name }}
- model.name: expected the model's name, which is its directory on the volume, such as iris, got none
{{- end }}
{{- $given := list }}
{{- range $key := list "existingClaim" "pvc" "image" "hostPathVolume" "emptyDir" }}
{{- if index $.Values.source $key }}{{ $given = append $given $key }}{{ end }}
{{- end }}
{{- if not $given }}
- source: expected where the models are, such as --set source.existingClaim=models, got none of existingClaim, pvc, image, hostPathVolume, emptyDir
{{- else if gt (len $given) 1 }}
- source: expected one of existingClaim, pvc, image, hostPathVolume, emptyDir, got {{ join " and " $given }}: set the others to null
{{- end }}
{{- if and .Values.source.emptyDir (not .Values.initContainers) }}
- source.emptyDir: nothing would fill the volume: add an entry to initContainers that mounts the volume models and downloads them
{{- end }}
{{- end }}

{{- define "skerry.versionProblems" -}}
{{- $versions := include "skerry.versions" . | fromJson }}
{{- if not $versions }}
- versions: expected the versions to serve, such as {v1: {}}, got none
{{- end }}
{{- $traffic := include "skerry.traffic" . | fromJson }}
{{- if not $traffic.stable }}
- traffic.stable: expected the version that answers, one of versions, got none
{{- end }}
{{- $named := dict "traffic.stable" $traffic.stable }}
{{- range $i, $canary := include "skerry.canaries" . | fromJsonArray }}
{{- $where := empty $.Values.traffic.canary | ternary (printf "traffic.canaries[%d]" $i) "traffic.canary" }}
{{- $_ := set $named (printf "%s.version" $where) $canary.version }}
{{- end }}
{{- with $traffic.shadow }}{{ $_ := set $named "traffic.shadow.version" .version }}{{ end }}
{{- if kindIs "slice" $traffic.versions }}
{{- range $i, $version := $traffic.versions }}{{ $_ := set $named (printf "traffic.versions[%d]" $i) $version }}{{ end }}
{{- end }}
{{- range $where, $version := $named }}
{{- if and $version (not (hasKey $versions $version)) }}
- {{ $where }}: expected one of versions ({{ keys $versions | sortAlpha | join ", " }}), got {{ $version }}: add it to versions, such as versions: { {{- $version }}: {}}{{ if hasKey ($.Values.versions | default dict) $version }}; null, or nothing, takes it away{{ end }}
{{- end }}
{{- end }}
{{- range $version, $_ := .Values.traffic.digests }}
{{- if not (hasKey $versions $version) }}
- traffic.digests: expected the versions listed in versions ({{ keys $versions | sortAlpha | join ", " }}), got {{ $version }}
{{- end }}
{{- end }}
{{- end }}

{{/* The same rules as of a policy that is given to the server: docs/traffic.md. */}}
{{- define "skerry.trafficProblems" -}}
{{- $traffic := include "skerry.traffic" . | fromJson }}
{{- if and $traffic.canary $traffic.canaries }}
- traffic: expected canary or canaries, got both: set one of them to null
{{- end }}
{{- $total := 0.0 }}
{{- $seen := dict }}
{{- range include "skerry.canaries" . | fromJsonArray }}
{{- if eq .version (toString $traffic.stable) }}
- traffic: expected a canary that is another version than stable, got {{ .version }} for both: after a promotion, set the canary to null
{{- end }}
{{- if hasKey $seen .version }}
- traffic.canaries: expected each version once, got {{ .version }} more
{{- end }}
{{- $_ := set $seen .version true }}
{{- if and (kindIs "invalid" .weight) (not .headers) }}
- traffic: the canary {{ .version }} has neither weight nor headers: give it a weight, in percent, such as weight: 10
{{- end }}
{{- $weight := .weight | default 0 | float64 }}
{{- $total = addf $total $weight }}
{{- if gt $weight 100.0 }}
- traffic: expected a weight of at most 100 for the canary {{ .version }}, got {{ .weight }}
{{- end }}
{{- if ne (round $weight 2) $weight }}
- traffic: expected a weight with at most two decimals for the canary {{ .version }}, got {{ .weight }}
{{- end }}
{{- $names := dict }}
{{- range .headers }}
{{- if hasKey $names (lower .name) }}
- traffic: expected each header once for the canary, got {{ .name }} more
{{- end }}
{{- $_ := set $names (lower .name) true }}
{{- if not (kindIs "string" .value) }}
- traffic: expected text as the value of the header {{ .name }}, got {{ toJson .value }}: quote it, or use --set-string
{{- end }}
{{- end }}
{{- end }}
{{- if gt (round $total 2) 100.0 }}
- traffic.canaries: expected weights that sum to at most 100, got {{ round $total 2 }}
{{- end }}
{{- with $traffic.shadow }}
{{- $sample := .sample | default 0 | float64 }}
{{- if gt $sample 100.0 }}
- traffic.shadow.sample: expected at most 100, got {{ .sample }}
{{- end }}
{{- if ne (round $sample 2) $sample }}
- traffic.shadow.sample: expected at most two decimals, got {{ .sample }}
{{- end }}
{{- end }}
{{- with $traffic.sticky }}
{{- if eq (empty .header) (empty .cookie) }}
- traffic.sticky: expected header or cookie, got {{ empty .header | ternary "neither" "both" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "skerry.inProcessProblems" -}}
{{- range $version, $own := include "skerry.versions" . | fromJson }}
{{- range $key, $_ := $own }}
- versions.{{ $version }}.{{ $key }}: in mode inProcess one Deployment holds all versions: set {{ $key }} at the top, or traffic.mode to gateway
{{- end }}
{{- end }}
{{- if or .Values.traffic.gateway.parentRefs .Values.traffic.gateway.hostnames }}
- traffic.gateway: there is no route in mode inProcess: set traffic.mode to gateway, or leave traffic.gateway out
{{- end }}
{{- end }}

{{- define "skerry.gatewayProblems" -}}
{{- $traffic := include "skerry.traffic" . | fromJson }}
{{- if not $traffic.gateway.parentRefs }}
- traffic.gateway.parentRefs: expected the Gateway that the route hangs on, such as [{name: skerry}], got none
{{- end }}
{{- if $traffic.sticky }}
- traffic.sticky: a Gateway's HTTPRoute has no sticky split: set it to null, or traffic.mode to inProcess
{{- end }}
{{- if $traffic.versions }}
- traffic.versions: in mode gateway each version has a Deployment of its own, so they have to be listed in versions: set traffic.versions to null
{{- end }}
{{- if .Values.ingress.enabled }}
- ingress.enabled: in mode gateway the Gateway is the way in: set it to false, or traffic.mode to inProcess
{{- end }}
{{- if .Values.service.nodePort }}
- service.nodePort: in mode gateway each version has a Service, and they can't share a port: set it to null
{{- end }}
{{- $versions := include "skerry.versions" . | fromJson }}
{{- $rules := add 1 (len $versions) }}
{{- range include "skerry.canaries" . | fromJsonArray }}
{{- if .headers }}{{ $rules = add1 $rules }}{{ end }}
{{- if gt (len (.headers | default list)) 1 }}
- traffic: expected at most one header for the canary {{ .version }} in mode gateway, got {{ len .headers }}: a Gateway prefers whatever matches more headers, so that X-Model-Version would pin no longer; leave one, or set traffic.mode to inProcess
{{- end }}
{{- end }}
{{- if gt $rules 16 }}
- versions: an HTTPRoute takes 16 rules, and these versions and headers make {{ $rules }}: list fewer versions
{{- end }}
{{- $names := dict }}
{{- range $version, $_ := $versions }}
{{- $name := include "skerry.versionName" (dict "root" $ "version" $version) }}
{{- if hasKey $names $name }}
- versions: {{ index $names $name }} and {{ $version }} would both be named {{ $name }}: rename one of them
{{- end }}
{{- $_ := set $names $name $version }}
{{- if gt (len $name) 63 }}
- versions.{{ $version }}: {{ $name }} can't be the name of a Service (at most 63 characters): set fullnameOverride, or rename the version
{{- end }}
{{- end }}
{{- end }}

{{- define "skerry.timeProblems" -}}
{{- $end := include "skerry.endSeconds" . | int }}
{{- if lt (int .Values.terminationGracePeriodSeconds) $end }}
- terminationGracePeriodSeconds: expected at least {{ $end }} (preStopSleepSeconds + SKERRY_DRAIN_DELAY_S + SKERRY_SHUTDOWN_TIMEOUT_S{{ if .Values.otel.endpoint }} + {{ include "skerry.exportSeconds" . }} for the last traces{{ end }}), got {{ .Values.terminationGracePeriodSeconds }}: raise it, or lower one of those
{{- end }}
{{- $budget := mulf (include "skerry.startupFailures" . | float64) .Values.probes.startup.periodSeconds }}
{{- $load := include "skerry.loadSeconds" . | float64 }}
{{- if lt $budget $load }}
- probes.startup: expected periodSeconds × failureThreshold of at least {{ $load }} s, the time that one load may take (SKERRY_LOAD_TIMEOUT_S), got {{ $budget }}: leave failureThreshold out, or lower the timeout
{{- end }}
{{- with .Values.probes.readiness }}
{{- $probe := . }}
{{- if gt (int $probe.timeoutSeconds) (int $probe.periodSeconds) }}
- probes.readiness: expected timeoutSeconds of at most periodSeconds ({{ $probe.periodSeconds }}), got {{ $probe.timeoutSeconds }}
{{- end }}
{{- end }}
{{- end }}

{{- define "skerry.scalingProblems" -}}
{{- range include "skerry.uncheckedWorkloads" . | fromJsonArray }}
{{- $where := empty .version | ternary "autoscaling" (printf "versions.%s.autoscaling" .version) }}
{{- with .autoscaling }}
{{- if .enabled }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
- {{ $where }}: expected minReplicas of at most maxReplicas ({{ .maxReplicas }}), got {{ .minReplicas }}
{{- end }}
{{- if not (or .targetCPUUtilizationPercentage .targetRequestsInFlight) }}
- {{ $where }}: expected targetCPUUtilizationPercentage or targetRequestsInFlight, got neither: there would be nothing to scale by
{{- end }}
{{- end }}
{{- end }}
{{- if and .autoscaling.enabled .autoscaling.targetCPUUtilizationPercentage (not ((.resources | default dict).requests | default dict).cpu) }}
- {{ $where }}.targetCPUUtilizationPercentage: the percentage is one of resources.requests.cpu, which is not set: set it
{{- end }}
{{- end }}
{{- end }}

{{- define "skerry.settingProblems" -}}
{{- $instead := dict
  "SKERRY_MODELS" "set model.name"
  "SKERRY_DEFAULT_MODEL" "a release serves one model, which is the default"
  "SKERRY_MODELS_DIR" "set source"
  "SKERRY_PORT" "set service.port"
  "SKERRY_TRAFFIC" "set traffic"
  "SKERRY_TRAFFIC_FILE" "set traffic"
  "SKERRY_VERSION_POLICY" "set versions, or traffic.versions"
  "SKERRY_ADMIN_TOKEN" "put it into a Secret, and its name into tokens.existingSecret"
  "SKERRY_API_TOKEN" "put it into a Secret, and its name into tokens.existingSecret" }}
{{- range $name, $value := .Values.settings }}
{{- with kindIs "invalid" $value | ternary "" (index $instead $name | default "") }}
- settings.{{ $name }}: the chart sees to it: {{ . }}
{{- end }}
{{- end }}
{{- $bounds := include "skerry.settingBounds" . | fromYaml }}
{{- range $name, $value := .Values.settings }}
{{- if and (kindIs "string" $value) (hasKey $bounds $name) }}
{{- $number := float64 $value }}
{{- range $bound, $limit := index $bounds $name }}
{{- $limit = float64 $limit }}
{{- if or (and (eq $bound "at least") (lt $number $limit)) (and (eq $bound "more than") (le $number $limit)) (and (eq $bound "at most") (gt $number $limit)) }}
- settings.{{ $name }}: expected {{ $bound }} {{ toJson $limit }}, got {{ $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if hasKey $instead .name }}
- extraEnv: {{ .name }} is the chart's: {{ index $instead .name }}
{{- else if hasPrefix "SKERRY_" .name }}
- extraEnv: {{ .name }} belongs into settings: move it there
{{- else if and (hasPrefix "OTEL_" .name) $.Values.otel.endpoint (has .name (list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_EXPORTER_OTLP_PROTOCOL" "OTEL_TRACES_SAMPLER" "OTEL_TRACES_SAMPLER_ARG" "OTEL_RESOURCE_ATTRIBUTES")) }}
- extraEnv: {{ .name }} is set from otel: leave it out, or otel.endpoint
{{- end }}
{{- end }}
{{- with .Values.otel }}
{{- if and .endpoint (not (kindIs "invalid" .samplerArg)) (not (contains "traceidratio" .sampler)) }}
- otel.samplerArg: only the samplers traceidratio and parentbased_traceidratio take it, and otel.sampler is {{ .sampler }}: set samplerArg to null
{{- end }}
{{- end }}
{{- end }}

{{/* What the schema says of numbers, for those that are written as text. */}}
{{- define "skerry.settingBounds" -}}
SKERRY_DRAIN_DELAY_S: {at most: 600}
SKERRY_EXECUTOR_THREADS: {at least: 1, at most: 256}
SKERRY_LOAD_TIMEOUT_S: {more than: 0, at most: 86400}
SKERRY_LOG_SAMPLE: {at most: 1}
SKERRY_MAX_BATCH_ROWS: {at least: 1, at most: 10000000}
SKERRY_MAX_BODY_BYTES: {at least: 1024}
SKERRY_MAX_QUEUE_ROWS: {at least: 1}
SKERRY_PLAN_BUDGET_S: {more than: 0, at most: 3600}
SKERRY_POLL_INTERVAL_S: {more than: 0, at most: 3600}
SKERRY_REQUEST_TIMEOUT_S: {more than: 0, at most: 3600}
SKERRY_SETTLE_TIME_S: {at most: 3600}
SKERRY_SHADOW_KEEP: {at most: 10000}
SKERRY_SHUTDOWN_TIMEOUT_S: {at most: 3600}
{{- end }}

{{/* Names that Kubernetes would not take, and what would be there twice. */}}
{{- define "skerry.nameProblems" -}}
{{- $name := include "skerry.fullname" . }}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $name) }}
- fullnameOverride: {{ $name }} can't be the name of a Service (lower-case letters, digits and -, a letter first): set fullnameOverride to one that can, or change nameOverride or the release's name
{{- end }}
{{- $own := include "skerry.ownLabels" . | fromJsonArray }}
{{- $metrics := .Values.metrics }}
{{- $labels := dict
  "commonLabels" .Values.commonLabels
  "podLabels" .Values.podLabels
  "metrics.serviceMonitor.labels" $metrics.serviceMonitor.labels
  "metrics.prometheusRule.labels" $metrics.prometheusRule.labels
  "metrics.dashboard.labels" $metrics.dashboard.labels }}
{{- range $where, $given := $labels }}
{{- range $key, $_ := $given }}
{{- if has $key $own }}
- {{ $where }}: {{ $key }} is the chart's own label: leave it out
{{- else if and (hasPrefix "metrics." $where) (hasKey ($.Values.commonLabels | default dict) $key) }}
- {{ $where }}: {{ $key }} is in commonLabels, too: leave one of them out
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.extraVolumes }}
{{- if has .name (list "models" "traffic" "tmp") }}
- extraVolumes: {{ .name }} is the chart's own volume: take another name
{{- end }}
{{- end }}
{{- end }}

{{- define "skerry.ingressProblems" -}}
{{- with .Values.ingress }}
{{- if and .enabled (not .hosts) }}
- ingress.hosts: expected the hosts to answer for, such as [{host: iris.example.org}], or [{paths: [{path: /}]}] for all, got none
{{- end }}
{{- end }}
{{- end }}
