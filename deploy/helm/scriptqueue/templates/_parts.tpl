{{- /* Parts that pods share. Each is given (dict "root" $ "component" "api"). */ -}}

{{- define "scriptqueue.selector" -}}
app.kubernetes.io/name: scriptqueue
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "scriptqueue.metadata" -}}
name: {{ .root.Release.Name }}-{{ .component }}
labels:
  {{- include "scriptqueue.selector" . | nindent 2 }}
{{- end }}

{{- define "scriptqueue.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "scriptqueue.rights" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "scriptqueue.image" -}}
image: {{ .root.Values.images.prefix }}{{ .image }}:{{ .root.Values.images.tag }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
{{- end }}

{{- define "scriptqueue.secrets" -}}
{{ .Values.existingSecret | default (printf "%s-secrets" .Release.Name) }}
{{- end }}

{{- define "scriptqueue.settings" -}}
envFrom:
  - configMapRef:
      name: {{ .root.Release.Name }}-settings
  - secretRef:
      name: {{ include "scriptqueue.secrets" .root }}
{{- end }}

{{- /* So that pods are replaced when what they read at their start has changed. */ -}}
{{- define "scriptqueue.checksum" -}}
annotations:
  checksum/settings: {{ include (print .root.Template.BasePath "/settings.yaml") .root | sha256sum }}
  {{- include "scriptqueue.secretsChecksum" . | nindent 2 }}
{{- end }}

{{- define "scriptqueue.secretsChecksum" -}}
checksum/secrets: {{ include (print .root.Template.BasePath "/secrets.yaml") .root | sha256sum }}
{{- end }}

{{- define "scriptqueue.secretSettings" -}}
["REDIS__URL", "REDIS__PASSWORD", "API__KEYS", "WEBHOOKS__SECRET", "FLOWER__PASSWORD"]
{{- end }}

{{- /* A value as an environment variable has it: Helm would write a million as 1e+06. */ -}}
{{- define "scriptqueue.text" -}}
{{ kindIs "string" . | ternary . (toJson .) | toJson }}
{{- end }}

{{- define "scriptqueue.metricsPort" -}}
{{ .root.Values.settings.WORKER__METRICS_PORT | default 9808 | int }}
{{- end }}
