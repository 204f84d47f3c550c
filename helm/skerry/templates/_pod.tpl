{{/* The pod of a workload. Arguments: root, workload. */}}
{{- define "skerry.pod" -}}
{{- $values := .root.Values -}}
metadata:
  labels:
    {{- include "skerry.selectorLabels" . | nindent 4 }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "skerry.serviceAccountName" .root }}
  automountServiceAccountToken: false
  # Kubernetes would add SKERRY_PORT=tcp://… and the like where a Service is called skerry.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml $values.podSecurityContext | nindent 4 }}
  {{- with $values.initContainers }}
  initContainers:
    {{- range . }}
    {{- list (hasKey . "securityContext" | ternary . (merge (dict "securityContext" $values.securityContext) .)) | toYaml | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    - name: skerry
      image: {{ include "skerry.image" (dict "root" .root "image" .workload.image) }}
      imagePullPolicy: {{ .workload.image.pullPolicy }}
      {{- with $values.args }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: 8080
          protocol: TCP
      env:
        {{- include "skerry.env" . | nindent 8 }}
      {{- with $values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- include "skerry.probes" .root | nindent 6 }}
      {{- if $values.preStopSleepSeconds }}
      lifecycle:
        preStop:
          # Until every node has taken the pod out of the Service, requests still come.
          sleep:
            seconds: {{ $values.preStopSleepSeconds }}
      {{- end }}
      {{- with .workload.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      volumeMounts:
        - name: models
          mountPath: /models
          readOnly: true
        # A directory, never a subPath: kubelet updates no file that is mounted by subPath.
        - name: traffic
          mountPath: /etc/skerry/traffic
          readOnly: true
        - name: tmp
          mountPath: /tmp
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: models
      {{- include "skerry.modelsVolume" .root | nindent 6 }}
    - name: traffic
      configMap:
        name: {{ include "skerry.policyName" . }}
    - name: tmp
      emptyDir:
        sizeLimit: 256Mi
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- $selector := dict "matchLabels" (include "skerry.selectorLabels" . | fromYaml) }}
    {{- range $values.topologySpreadConstraints }}
    {{- list (hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" $selector) .)) | toYaml | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* Where the models are. */}}
{{- define "skerry.modelsVolume" -}}
{{- with .Values.source }}
{{- if .image -}}
image:
  {{- toYaml .image | nindent 2 }}
{{- else if .emptyDir -}}
emptyDir:
  {{- toYaml .emptyDir | nindent 2 }}
{{- else -}}
persistentVolumeClaim:
  claimName: {{ .existingClaim | default (printf "%s-models" (include "skerry.fullname" $)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "skerry.probes" -}}
startupProbe:
  httpGet:
    path: /startupz
    port: http
  periodSeconds: {{ .Values.probes.startup.periodSeconds }}
  timeoutSeconds: {{ .Values.probes.startup.timeoutSeconds }}
  failureThreshold: {{ include "skerry.startupFailures" . }}
{{- with .Values.probes.readiness }}
readinessProbe:
  httpGet:
    path: /readyz
    port: http
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.probes.liveness }}
livenessProbe:
  httpGet:
    path: /livez
    port: http
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
