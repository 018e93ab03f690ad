{{/* Where traces go: a collector's address, or the Jaeger of this release; empty for nowhere. */}}
{{- define "app.tracingEndpoint" -}}
{{- .root.Values.tracing.endpoint | default (ternary "http://jaeger:4318" "" .root.Values.jaeger.enabled) -}}
{{- end }}

{{/* OpenTelemetry's variables, which its SDKs read in any language. */}}
{{- define "app.tracingEnv" -}}
{{- $values := .values -}}
{{- with include "app.tracingEndpoint" . }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ quote . }}
- name: OTEL_SERVICE_NAME
  value: {{ quote $.name }}
{{- if and $values.image.tag (not (include "app.hasVariable" (dict "env" $values.env "name" "OTEL_RESOURCE_ATTRIBUTES"))) }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ printf "service.version=%s" $values.image.tag | quote }}
{{- end }}
{{- end }}
{{- with .root.Values.tracing.url }}
- name: TRACES_URL
  value: {{ quote . }}
{{- end }}
{{- end }}

{{/* The way there. Where a collector's pods are, nobody says, so any on its port. */}}
{{- define "app.tracingEgress" -}}
{{- with include "app.tracingEndpoint" . }}
- ports:
    - port: {{ include "app.urlPort" . }}
  {{- if not $.root.Values.tracing.endpoint }}
  to:
    {{- include "app.peer" (dict "root" $.root "name" "jaeger") | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
