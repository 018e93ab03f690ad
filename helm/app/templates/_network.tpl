{{/*
Default deny, and then only the edges that needs, uses, the database, traces and DNS imply. Probes need none: what comes from
the pod's own node is always let in.
*/}}
{{- define "app.networkPolicy" }}
{{- $values := .values }}
{{- $management := include "app.management" . | fromJson }}
{{- $callers := dict "root" .root "port" "http"
  "names" (include "app.callers" . | fromJson).names "peers" $values.networkPolicy.extraIngress }}
{{- $observers := dict "root" .root "port" $management.name
  "names" (list (printf "%s-test" .name)) "peers" $values.networkPolicy.metricsIngress }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
{{ include "app.metadata" . }}
spec:
  podSelector:
    matchLabels:
      {{- include "app.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- with include "app.ingressRule" $callers }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- include "app.ingressRule" $observers | nindent 4 }}
  egress:
    {{- include "app.dnsEgress" . | nindent 4 }}
    {{- range concat $values.needs $values.uses }}
    {{- $callee := include "app.values" (dict "root" $.root "name" .) | fromJson }}
    {{- if and $callee.enabled $callee.endpoint.address }}
    # {{ . }} runs outside: {{ $callee.endpoint.address }}
    - ports:
        - port: {{ $callee.endpoint.port | default $callee.port }}
    {{- else if $callee.enabled }}
    - to:
        {{- include "app.peer" (dict "root" $.root "name" .) | nindent 8 }}
      ports:
        - port: {{ $callee.port }}
    {{- else if $callee.url }}
    # {{ . }} runs elsewhere: {{ $callee.url }}
    - ports:
        - port: {{ include "app.urlPort" $callee.url }}
    {{- end }}
    {{- end }}
    {{- with include "app.database" . | fromYaml }}
    {{- if .inCluster }}
    - to:
        {{- include "app.peer" (dict "root" $.root "name" .host) | nindent 8 }}
      ports:
        - port: {{ .port }}
    {{- else }}
    # A managed database has no fixed address that a policy could name, so any on its port.
    - ports:
        - port: {{ .port }}
        {{- with .direct }}
        - port: {{ .port }}
        {{- end }}
    {{- end }}
    {{- end }}
    {{- with include "app.tracingEgress" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $values.networkPolicy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Lets the pods of the components `names` and these `peers` in; without any no rule, for an empty list is everybody. */}}
{{- define "app.ingressRule" -}}
{{- if or .names .peers -}}
- from:
    {{- range .names }}
    {{- include "app.peer" (dict "root" $.root "name" .) | nindent 4 }}
    {{- end }}
    {{- with .peers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports:
    - port: {{ .port }}
{{- end }}
{{- end }}

{{/* A component's pods, as a peer of a NetworkPolicy. */}}
{{- define "app.peer" -}}
- podSelector:
    matchLabels:
      {{- include "app.selectorLabels" . | nindent 6 }}
{{- end }}

{{- define "app.dnsEgress" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}

{{- define "app.urlPort" -}}
{{- $url := urlParse . -}}
{{- $port := last (splitList ":" $url.host) -}}
{{- if regexMatch "^[0-9]+$" $port }}{{ $port }}{{ else }}{{ ternary 443 80 (eq $url.scheme "https") }}{{ end }}
{{- end }}

{{- define "app.ingress" }}
{{- $values := .values }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
{{ include "app.metadata" . }}
  {{- with $values.ingress.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $values.ingress.className }}
  ingressClassName: {{ quote . }}
  {{- end }}
  {{- with $values.ingress.tls }}
  tls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    {{- range $values.ingress.hosts }}
    - host: {{ . | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ quote $.name }}
                port:
                  name: http
    {{- else }}
    {{- fail (printf "services.%s.ingress.hosts is required with ingress.enabled" .name) }}
    {{- end }}
{{- end }}

{{- define "app.httpRoute" }}
{{- $values := .values }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
{{ include "app.metadata" . }}
  {{- with $values.httpRoute.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  parentRefs:
    {{- with $values.httpRoute.parentRefs }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    {{- fail (printf "services.%s.httpRoute.parentRefs is required with httpRoute.enabled" .name) }}
    {{- end }}
  {{- with $values.httpRoute.hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - backendRefs:
        - name: {{ quote .name }}
          port: {{ $values.port }}
{{- end }}
