{{/* Default deny, and then only the edges that needs, uses, the database and DNS imply. */}}
{{- define "app.networkPolicy" }}
{{- $values := .values }}
{{- $callers := (include "app.callers" . | fromJson).names }}
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
    - from:
        {{- range append $callers "helm-test" }}
        - podSelector:
            matchLabels:
              {{- include "app.selectorLabels" (dict "root" $.root "name" .) | nindent 14 }}
        {{- end }}
        {{- with $values.networkPolicy.extraIngress }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - port: http
  egress:
    {{- include "app.dnsEgress" . | nindent 4 }}
    {{- range concat $values.needs $values.uses }}
    {{- $callee := include "app.values" (dict "root" $.root "name" .) | fromJson }}
    {{- if $callee.enabled }}
    - to:
        - podSelector:
            matchLabels:
              {{- include "app.selectorLabels" (dict "root" $.root "name" .) | nindent 14 }}
      ports:
        - port: {{ $callee.port }}
    {{- else if $callee.url }}
    # {{ . }} runs elsewhere: {{ $callee.url }}
    - ports:
        - port: {{ include "app.urlPort" $callee.url }}
    {{- end }}
    {{- end }}
    {{- if $values.database.enabled }}
    # A managed database has no fixed address that a policy could name, so any on its port.
    - ports:
        - port: {{ (include "app.database" . | fromYaml).port }}
    {{- end }}
    {{- with $values.networkPolicy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
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
