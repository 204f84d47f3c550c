{{/* The versions as JSON: a map, as the values have it, without those that null has taken away. */}}
{{- define "skerry.versions" -}}
{{- $versions := dict }}
{{- range $version, $own := .Values.versions }}
{{- if not (kindIs "invalid" $own) }}{{ $_ := set $versions $version $own }}{{ end }}
{{- end }}
{{- $versions | toJson }}
{{- end }}

{{/*
A workload is a Deployment with what belongs to it. In mode inProcess there is one, whose version is
empty: it holds them all. In mode gateway there is one for each version, and what the version says
of image, resources, replicas and scaling goes before what the values say at the top.
Returns a JSON list of {name, version, image, resources, replicaCount, autoscaling}.
*/}}
{{- define "skerry.workloads" -}}
{{- include "skerry.check" . }}
{{- include "skerry.uncheckedWorkloads" . }}
{{- end }}

{{- define "skerry.uncheckedWorkloads" -}}
{{- $root := . }}
{{- $workloads := list }}
{{- if eq .Values.traffic.mode "gateway" }}
{{- range $version, $own := include "skerry.versions" . | fromJson }}
{{- $name := include "skerry.versionName" (dict "root" $root "version" $version) }}
{{- $workloads = append $workloads (include "skerry.workload" (dict "root" $root "own" $own "name" $name "version" $version) | fromJson) }}
{{- end }}
{{- else }}
{{- $workloads = append $workloads (include "skerry.workload" (dict "root" $root "own" dict "name" (include "skerry.fullname" .) "version" "") | fromJson) }}
{{- end }}
{{- $workloads | toJson }}
{{- end }}

{{/* Arguments: root, own, name, version. */}}
{{- define "skerry.workload" -}}
{{- $values := .root.Values }}
{{- $image := deepCopy $values.image }}
{{- with .own.image }}
{{- /* A tag of its own would mean nothing beside the digest of another. */}}
{{- if .tag }}{{ $_ := set $image "digest" "" }}{{ end }}
{{- $image = mergeOverwrite $image (deepCopy .) }}
{{- end }}
{{- $replicas := $values.replicaCount }}
{{- if hasKey .own "replicaCount" }}{{ $replicas = .own.replicaCount }}{{ end }}
{{- $autoscaling := mergeOverwrite (deepCopy $values.autoscaling) (deepCopy (.own.autoscaling | default dict)) }}
{{- dict "name" .name "version" .version "image" $image "replicaCount" $replicas "resources" (.own.resources | default $values.resources) "autoscaling" $autoscaling | toJson }}
{{- end }}

{{/* The name of what belongs to one version. Versions may have dots and capitals, names may not. */}}
{{- define "skerry.versionName" -}}
{{- printf "%s-%s" (include "skerry.fullname" .root) (.version | lower | replace "." "-" | replace "_" "-") }}
{{- end }}

{{/* Arguments: root, image. */}}
{{- define "skerry.image" -}}
{{- if .image.digest }}
{{- printf "%s@%s" .image.repository .image.digest }}
{{- else }}
{{- printf "%s:%s" .image.repository (.image.tag | default .root.Chart.AppVersion | include "skerry.text") }}
{{- end }}
{{- end }}
