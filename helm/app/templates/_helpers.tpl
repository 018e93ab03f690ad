{{/* The labels that select a component's pods. Takes (dict "root" $ "name" NAME), as all of these do. */}}
{{- define "app.selectorLabels" -}}
app.kubernetes.io/name: {{ quote .name }}
app.kubernetes.io/instance: {{ quote .root.Release.Name }}
{{- end }}

{{- define "app.labels" -}}
{{ include "app.selectorLabels" . }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* A service's values: serviceDefaults with its own on top, as JSON. */}}
{{- define "app.values" -}}
{{- $own := index .root.Values.services .name | required (printf "templates/%s is there, but services.%s is not" .name .name) }}
{{- mergeOverwrite (deepCopy .root.Values.serviceDefaults) (deepCopy $own) | toJson }}
{{- end }}

{{/* The image by digest where there is one, else by tag. */}}
{{- define "app.image" -}}
{{- with .values.image -}}
{{- $repository := .repository | required (printf "services.%s.image.repository is required" $.name) -}}
{{- if .registry }}{{ $repository = printf "%s/%s" .registry $repository }}{{ end -}}
{{- if .digest -}}
{{ $repository }}@{{ .digest }}
{{- else if eq (toString .tag) "latest" -}}
{{- fail (printf "services.%s.image.tag is latest: name the version to run" $.name) -}}
{{- else -}}
{{ $repository }}:{{ required (printf "services.%s needs an image: set serviceDefaults.image.tag, services.%s.image.tag or services.%s.image.digest" $.name $.name $.name) .tag }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Where a service answers: inside, at its own `url`, or nowhere (empty). */}}
{{- define "app.url" -}}
{{- $values := include "app.values" . | fromJson -}}
{{- if $values.enabled -}}
http://{{ .name }}:{{ $values.port }}
{{- else -}}
{{ $values.url }}
{{- end -}}
{{- end }}

{{/*
Where a service answers probes and metrics, as JSON: its `service`, the `port`, and that port's `name` in the pod. They
have a port of their own, or where there is none, that of all else.
*/}}
{{- define "app.management" -}}
{{- $own := .values.managementPort }}
{{- if not $own }}
{{- dict "service" .name "port" .values.port "name" "http" | toJson }}
{{- else if eq (int $own) (int .values.port) }}
{{- fail (printf "services.%s has %v for port and managementPort: change one" .name $own) }}
{{- else }}
{{- dict "service" (print .name "-management") "port" $own "name" "management" | toJson }}
{{- end }}
{{- end }}

{{/* PAYMENTS_URL and the like, for what a service needs and for what it uses and is there. */}}
{{- define "app.urls" -}}
{{- range concat .values.needs .values.uses }}
{{- if not (hasKey $.root.Values.services .) }}
{{- fail (printf "services.%s names %s, which is not one of services" $.name .) }}
{{- end }}
{{- $url := include "app.url" (dict "root" $.root "name" .) }}
{{- if $url }}
- name: {{ . | upper | replace "-" "_" }}_URL
  value: {{ $url | quote }}
{{- else if has . $.values.needs }}
{{- fail (printf "services.%s needs %s, which is disabled: enable services.%s, set services.%s.url, or disable services.%s" $.name . . . $.name) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The names of the enabled services that call this one, as a JSON list under "names". */}}
{{- define "app.callers" -}}
{{- $callers := list }}
{{- range $caller := keys .root.Values.services | sortAlpha }}
{{- $values := include "app.values" (dict "root" $.root "name" $caller) | fromJson }}
{{- if and $values.enabled (has $.name (concat $values.needs $values.uses)) }}
{{- $callers = append $callers $caller }}
{{- end }}
{{- end }}
{{- dict "names" $callers | toJson }}
{{- end }}
