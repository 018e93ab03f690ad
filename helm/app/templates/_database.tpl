{{/*
Where a service's database is, whichever kind it is: host, port, name, secret, userKey, passwordKey, sslMode, ca,
direct where host is a pooler's, inCluster where it is the PostgreSQL of this release.
The service's own server, or else the PostgreSQL of this release or the external one. Empty for a service without.
*/}}
{{- define "app.database" -}}
{{- $external := .root.Values.externalDatabase }}
{{- $own := .values.database }}
{{- if not $own.enabled }}
{{- else if and .root.Values.postgresql.enabled (not $own.host) }}
inCluster: true
host: postgresql
port: 5432
name: {{ coalesce .root.Values.postgresql.database .root.Values.postgresql.auth.database | quote }}
secret: postgresql
userKey: username
passwordKey: password
sslMode: disable
{{- else }}
host: {{ coalesce $own.host $external.host | required (printf "services.%s needs a database: set postgresql.enabled=true or externalDatabase.host" .name) | quote }}
port: {{ coalesce $own.port $external.port }}
name: {{ coalesce $own.name $external.name | required "externalDatabase.name is required: the database to use on externalDatabase.host" | quote }}
secret: {{ coalesce $own.existingSecret $external.existingSecret | required "externalDatabase.existingSecret is required: the Secret with the database's user and password" | quote }}
userKey: {{ quote $external.userKey }}
passwordKey: {{ quote $external.passwordKey }}
sslMode: {{ quote $external.sslMode }}
ca: {{ toJson $external.ca }}
{{- with ternary $own.direct $external.direct (ne $own.host "") }}
{{- if .host }}
direct: {{ toJson . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
libpq's variables; the same names whichever database it is. With "migrates" those of the migration. User and password
are files, which the kubelet renews when the Secret changes, as it does the CA.
*/}}
{{- define "app.databaseEnv" -}}
{{- with include "app.database" . | fromYaml }}
{{- $server := . }}
{{- if and $.migrates .direct }}
{{- $server = .direct }}
{{- end }}
- name: PGHOST
  value: {{ $server.host | quote }}
- name: PGPORT
  value: {{ $server.port | quote }}
- name: PGDATABASE
  value: {{ .name | quote }}
- name: DATABASE_POOL_SIZE
  value: {{ $.values.database.poolSize | quote }}
{{- if and .direct (not $.migrates) }}
- name: DATABASE_POOL_MODE
  value: transaction
{{- end }}
- name: PGUSER_FILE
  value: /etc/postgresql-login/username
- name: PGPASSWORD_FILE
  value: /etc/postgresql-login/password
- name: PGSSLMODE
  value: {{ quote .sslMode }}
{{- if dig "ca" "existingSecret" "" . }}
- name: PGSSLROOTCERT
  value: {{ printf "/etc/postgresql-ca/%s" .ca.key | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "app.databaseMounts" -}}
{{- with include "app.database" . | fromYaml }}
- name: postgresql-login
  mountPath: /etc/postgresql-login
  readOnly: true
{{- if dig "ca" "existingSecret" "" . }}
- name: postgresql-ca
  mountPath: /etc/postgresql-ca
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{- define "app.databaseVolumes" -}}
{{- with include "app.database" . | fromYaml }}
- name: postgresql-login
  secret:
    secretName: {{ quote .secret }}
    items:
      - key: {{ quote .userKey }}
        path: username
      - key: {{ quote .passwordKey }}
        path: password
{{- with dig "ca" "existingSecret" "" . }}
- name: postgresql-ca
  secret:
    secretName: {{ quote . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The names of the enabled services whose database is the PostgreSQL of this release, as a JSON list under "names". */}}
{{- define "app.databaseClients" -}}
{{- $clients := list }}
{{- range $name := keys .Values.services | sortAlpha }}
{{- $values := include "app.values" (dict "root" $ "name" $name) | fromJson }}
{{- $database := include "app.database" (dict "root" $ "name" $name "values" $values) | fromYaml }}
{{- if and $values.enabled $database.inCluster }}
{{- $clients = append $clients $name }}
{{- end }}
{{- end }}
{{- dict "names" $clients | toJson }}
{{- end }}
