{{/*
All objects of one service: the one entry point of its folder. Takes (dict "root" $ "name" NAME); renders nothing
when the service is disabled.
*/}}
{{- define "app.workload" -}}
{{- $values := include "app.values" . | fromJson }}
{{- if $values.enabled }}
{{- $context := merge (dict "values" $values) . }}
{{- if $values.endpoint.address }}
{{- include "app.service" $context }}
{{- include "app.endpointSlice" $context }}
{{- else }}
{{- include "app.serviceAccount" $context }}
{{- include "app.deployment" $context }}
{{- include "app.service" $context }}
{{- if $values.managementPort }}
{{- include "app.managementService" $context }}
{{- end }}
{{- if $values.autoscaling.enabled }}
{{- include "app.autoscaler" $context }}
{{- end }}
{{- if and $values.podDisruptionBudget.enabled (gt (int (include "app.minReplicas" $context)) 1) }}
{{- include "app.disruptionBudget" $context }}
{{- end }}
{{- if $values.networkPolicy.enabled }}
{{- include "app.networkPolicy" $context }}
{{- end }}
{{- if $values.serviceMonitor.enabled }}
{{- include "app.serviceMonitor" $context }}
{{- end }}
{{- if $values.ingress.enabled }}
{{- include "app.ingress" $context }}
{{- end }}
{{- if $values.httpRoute.enabled }}
{{- include "app.httpRoute" $context }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "app.minReplicas" -}}
{{- ternary .values.autoscaling.minReplicas .values.replicas .values.autoscaling.enabled | int }}
{{- end }}

{{- define "app.metadata" -}}
metadata:
  name: {{ quote .name }}
  namespace: {{ quote .root.Release.Namespace }}
  labels:
    {{- include "app.labels" . | nindent 4 }}
{{- end }}

{{- define "app.serviceAccount" }}
---
apiVersion: v1
kind: ServiceAccount
{{ include "app.metadata" . }}
  {{- with .values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}

{{- define "app.deployment" }}
{{- $values := .values }}
---
apiVersion: apps/v1
kind: Deployment
{{ include "app.metadata" . }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ int $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  # A new pod is ready before an old one goes.
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      {{- include "app.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      # No chart version among them: a pod restarts only when something of its own has changed.
      labels:
        {{- include "app.selectorLabels" . | nindent 8 }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "app.podSpec" . | nindent 6 }}
{{- end }}

{{- define "app.podSpec" -}}
{{- $values := .values -}}
{{- $management := include "app.management" . | fromJson -}}
serviceAccountName: {{ quote .name }}
automountServiceAccountToken: false
# Kubernetes' own PAYMENTS_PORT and the like would be beside the services' variables.
enableServiceLinks: false
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ quote . }}
{{- end }}
terminationGracePeriodSeconds: 30
securityContext:
  {{- toYaml $values.podSecurityContext | nindent 2 }}
{{- if $values.database.enabled }}
initContainers:
  - name: migrate
    {{- include "app.containerBasics" (merge (dict "migrates" true) .) | nindent 4 }}
    command: {{ $values.migrateCommand | toJson }}
    {{- if $values.database.seed }}
    args: [--seed]
    {{- end }}
{{- end }}
containers:
  - name: {{ quote .name }}
    {{- include "app.containerBasics" . | nindent 4 }}
    ports:
      - name: http
        containerPort: {{ $values.port }}
      {{- if $values.managementPort }}
      - name: management
        containerPort: {{ $values.managementPort }}
      {{- end }}
    {{- if not $values.debug }}
    # So long to start; after that liveness decides.
    startupProbe:
      httpGet:
        path: /livez
        port: {{ $management.name }}
      periodSeconds: 1
      failureThreshold: 60
    livenessProbe:
      httpGet:
        path: /livez
        port: {{ $management.name }}
      periodSeconds: 10
      timeoutSeconds: 2
      failureThreshold: 3
    {{- end }}
    readinessProbe:
      httpGet:
        path: /readyz
        port: {{ $management.name }}
      periodSeconds: 1
      timeoutSeconds: 2
      failureThreshold: {{ int $values.readinessProbe.failureThreshold }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "app.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: {{ toJson $values.tmpSize }}
  {{- with include "app.databaseVolumes" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What the service and its migration have in common. */}}
{{- define "app.containerBasics" -}}
{{- $values := .values -}}
image: {{ include "app.image" . | quote }}
imagePullPolicy: {{ quote $values.image.pullPolicy }}
securityContext:
  {{- toYaml $values.securityContext | nindent 2 }}
env:
  - name: PORT
    value: {{ $values.port | quote }}
  {{- with $values.managementPort }}
  - name: MANAGEMENT_PORT
    value: {{ . | quote }}
  {{- end }}
  - name: LOG_LEVEL
    value: {{ quote $values.logLevel }}
  - name: LOG_FORMAT
    value: {{ quote $values.logFormat }}
  {{- if $values.apiDocs }}
  - name: API_DOCS
    value: "1"
  {{- end }}
  {{- with include "app.urls" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "app.databaseEnv" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- if not .migrates }}
  {{- with include "app.tracingEnv" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- end }}
  {{- with $values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- if and $values.logColors (not (include "app.hasVariable" (dict "env" $values.env "name" "FORCE_COLOR"))) }}
  - name: FORCE_COLOR
    value: "1"
  {{- end }}
  {{- if and $values.debug (not (include "app.hasVariable" (dict "env" $values.env "name" "NODE_DEBUG_OPTION"))) }}
  - name: NODE_DEBUG_OPTION
    value: --inspect=127.0.0.1:9229 --inspect-publish-uid=http
  {{- end }}
{{- with $values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- with include "app.databaseMounts" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Not empty where a service's own variables have one of this name. */}}
{{- define "app.hasVariable" -}}
{{- range .env }}{{ if eq .name $.name }}yes{{ end }}{{ end }}
{{- end }}

{{- define "app.service" }}
---
apiVersion: v1
kind: Service
{{ include "app.metadata" . }}
  {{- with .values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ quote .values.service.type }}
  selector:
    {{- include "app.selectorLabels" . | nindent 4 }}
    {{- if .values.endpoint.address }}
    # Of no pod: without a selector, Kubernetes would go on naming the addresses of the pods that there were.
    endpoint: elsewhere
    {{- end }}
  ports:
    - name: http
      port: {{ .values.port }}
      targetPort: http
      {{- with .values.service.nodePort }}
      nodePort: {{ . }}
      {{- end }}
{{- end }}

{{/* Where the service runs instead of in a pod; its Service leads there. */}}
{{- define "app.endpointSlice" }}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
{{ include "app.metadata" . }}
    kubernetes.io/service-name: {{ quote .name }}
addressType: {{ ternary "IPv6" "IPv4" (contains ":" .values.endpoint.address) }}
endpoints:
  - addresses: [{{ quote .values.endpoint.address }}]
ports:
  - name: http
    port: {{ .values.endpoint.port | default .values.port }}
{{- end }}

{{/* For `helm test` and for Prometheus; beside the Service that may be open to the world. */}}
{{- define "app.managementService" }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ quote (print .name "-management") }}
  namespace: {{ quote .root.Release.Namespace }}
  labels:
    {{- include "app.labels" . | nindent 4 }}
spec:
  type: ClusterIP
  selector:
    {{- include "app.selectorLabels" . | nindent 4 }}
  ports:
    - name: management
      port: {{ .values.managementPort }}
      targetPort: management
{{- end }}

{{/* A port's name is of one Service alone: that of probes and metrics, where there is one. */}}
{{- define "app.serviceMonitor" }}
{{- $management := include "app.management" . | fromJson }}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
{{ include "app.metadata" . }}
    {{- with .values.serviceMonitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  jobLabel: app.kubernetes.io/name
  selector:
    matchLabels:
      {{- include "app.selectorLabels" . | nindent 6 }}
  endpoints:
    - port: {{ quote $management.name }}
      {{- with .values.serviceMonitor.interval }}
      interval: {{ quote . }}
      {{- end }}
{{- end }}

{{- define "app.autoscaler" }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
{{ include "app.metadata" . }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ quote .name }}
  minReplicas: {{ int .values.autoscaling.minReplicas }}
  maxReplicas: {{ int .values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ int .values.autoscaling.targetCPUUtilizationPercentage }}
{{- end }}

{{- define "app.disruptionBudget" }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
{{ include "app.metadata" . }}
spec:
  maxUnavailable: {{ toJson .values.podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "app.selectorLabels" . | nindent 6 }}
{{- end }}
