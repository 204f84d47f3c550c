{{/* The variables of the server's container. Arguments: root, workload. */}}
{{- define "skerry.env" -}}
{{- $values := .root.Values }}
{{- $settings := include "skerry.settings" .root | fromJson -}}
- name: SKERRY_MODELS
  value: {{ $values.model.name | quote }}
- name: SKERRY_TRAFFIC_FILE
  value: /etc/skerry/traffic/traffic.yaml
- name: SKERRY_MODELS_DIR
  value: /models
- name: SKERRY_PORT
  value: "8080"
{{- if not (hasKey $settings "SKERRY_HOST") }}
- name: SKERRY_HOST
  value: 0.0.0.0
{{- end }}
{{- range $name := keys $settings | sortAlpha }}
- name: {{ $name }}
  value: {{ include "skerry.text" (index $settings $name) | quote }}
{{- end }}
{{- include "skerry.threadEnv" . }}
{{- with $values.tokens.existingSecret }}
{{- range $name, $key := dict "SKERRY_ADMIN_TOKEN" $values.tokens.adminTokenKey "SKERRY_API_TOKEN" $values.tokens.apiTokenKey }}
{{- with $key }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $values.tokens.existingSecret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- include "skerry.otelEnv" .root }}
{{- with $values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The settings as JSON, without those that null has unset. */}}
{{- define "skerry.settings" -}}
{{- $settings := dict }}
{{- range $name, $value := .Values.settings }}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $settings $name $value }}{{ end }}
{{- end }}
{{- $settings | toJson }}
{{- end }}

{{/* A number in the form in which it was written: 8388608, and not 8.388608e+06. */}}
{{- define "skerry.text" -}}
{{- kindIs "string" . | ternary . (toJson .) }}
{{- end }}

{{/*
As many threads predict as the limit has CPUs, rounded up, which is what the server would make of
its cgroup, too; where there is no limit, it looks for itself. A prediction takes one thread, so the
libraries get one each. Arguments: root, workload.
*/}}
{{- define "skerry.threadEnv" -}}
{{- $taken := dict }}
{{- range .root.Values.extraEnv }}{{ $_ := set $taken .name true }}{{ end }}
{{- $limits := (.workload.resources | default dict).limits | default dict }}
{{- if and $limits.cpu (not (hasKey (include "skerry.settings" .root | fromJson) "SKERRY_EXECUTOR_THREADS")) }}
- name: SKERRY_EXECUTOR_THREADS
  valueFrom:
    resourceFieldRef:
      containerName: skerry
      resource: limits.cpu
      divisor: "1"
{{- end }}
{{- range list "OMP_NUM_THREADS" "OPENBLAS_NUM_THREADS" "MKL_NUM_THREADS" }}
{{- if not (hasKey $taken .) }}
- name: {{ . }}
  value: "1"
{{- end }}
{{- end }}
{{- end }}

{{- define "skerry.otelEnv" -}}
{{- $otel := .Values.otel }}
{{- with $otel.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ $otel.protocol }}
- name: OTEL_TRACES_SAMPLER
  value: {{ $otel.sampler }}
{{- if not (kindIs "invalid" $otel.samplerArg) }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ include "skerry.text" $otel.samplerArg | quote }}
{{- end }}
{{- range $name, $field := dict "K8S_POD_NAME" "metadata.name" "K8S_NAMESPACE_NAME" "metadata.namespace" "K8S_NODE_NAME" "spec.nodeName" }}
- name: {{ $name }}
  valueFrom:
    fieldRef:
      fieldPath: {{ $field }}
{{- end }}
- name: OTEL_RESOURCE_ATTRIBUTES
  {{- $attributes := "k8s.namespace.name=$(K8S_NAMESPACE_NAME),k8s.pod.name=$(K8S_POD_NAME),k8s.node.name=$(K8S_NODE_NAME)" }}
  {{- range $name, $value := $otel.resourceAttributes }}{{ $attributes = printf "%s,%s=%s" $attributes $name $value }}{{ end }}
  value: {{ $attributes | toJson }}
{{- end }}
{{- end }}
