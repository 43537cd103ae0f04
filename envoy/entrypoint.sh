#!/bin/sh
# Starts Envoy in its image: fills bootstrap.yaml in from the environment and becomes Envoy.
#   XDS_ADDRESSES       host:port of every xds-server, comma-separated (xds-server:18000)
#   XDS_CA_FILE         TLS to the xds-servers: the authorities of their certificates, PEM (none: no TLS)
#   XDS_SERVER_NAME     the DNS name or SPIFFE id that those certificates have to carry (xds-server)
#   XDS_CERT_FILE       Envoy's own certificate for mutual TLS, PEM
#   XDS_KEY_FILE        its key
#   ENVOY_NODE_ID       unique among the Envoys (the host name)
#   ENVOY_NODE_CLUSTER  for people who look at the status (signalbox)
#   ENVOY_NAMESPACES    the namespaces that it is served, comma-separated (all that it may read)
#   ENVOY_REGION        where it runs: documents for other regions are not for it
#   ENVOY_GROUP         by which pins and staged rollouts name it (none)
#   ENVOY_LABELS        only documents with these labels: key=value, comma-separated
#   ENVOY_ADMIN_PORT    on loopback (9901)
#   ENVOY_MAX_CONNECTIONS  of clients (50000)
#   LOG_LEVEL           trace, debug, info, warn, error, off (info)
# Arguments are handed on to Envoy.
set -eu

folder=$(dirname "$0")
bootstrap=${ENVOY_BOOTSTRAP:-/tmp/bootstrap.yaml}
secrets=$(dirname "$bootstrap")

# VARIABLE value: ends when the value cannot be written between quotes.
check() {
  case $2 in *[!A-Za-z0-9._/:-]*) echo "$1: \"$2\" must consist of letters, digits and . _ / : -" >&2; exit 64 ;; esac
}

endpoints=
for address in $(printf '%s' "${XDS_ADDRESSES:-xds-server:18000}" | tr ',' ' '); do
  host=${address%:*}
  port=${address##*:}
  case $host in "" | *[!A-Za-z0-9._-]*) echo "XDS_ADDRESSES: \"$address\" is not host:port" >&2; exit 64 ;; esac
  case $port in "" | *[!0-9]*) echo "XDS_ADDRESSES: \"$address\" is not host:port" >&2; exit 64 ;; esac
  endpoints="$endpoints${endpoints:+, }{ endpoint: { address: { socket_address: { address: \"$host\", port_value: $port } } } }"
done

region=${ENVOY_REGION:-}
check ENVOY_REGION "$region"
namespaces=
for namespace in $(printf '%s' "${ENVOY_NAMESPACES:-}" | tr ',' ' '); do
  check ENVOY_NAMESPACES "$namespace"
  namespaces="$namespaces${namespaces:+, }\"$namespace\""
done
group=${ENVOY_GROUP:-}
check ENVOY_GROUP "$group"
labels=
for label in $(printf '%s' "${ENVOY_LABELS:-}" | tr ',' ' '); do
  case $label in *=*) ;; *) echo "ENVOY_LABELS: \"$label\" is not key=value" >&2; exit 64 ;; esac
  check ENVOY_LABELS "${label%%=*}"
  check ENVOY_LABELS "${label#*=}"
  labels="$labels${labels:+, }\"${label%%=*}\": \"${label#*=}\""
done
metadata=${namespaces:+"\"signalbox.dev/namespaces\": [$namespaces]"}
metadata=$metadata${group:+"${metadata:+, }\"signalbox.dev/group\": \"$group\""}
metadata=$metadata${labels:+"${metadata:+, }\"signalbox.dev/labels\": { $labels }"}

ca=${XDS_CA_FILE:-}
cert=${XDS_CERT_FILE:-}
key=${XDS_KEY_FILE:-}
name=${XDS_SERVER_NAME:-xds-server}
check XDS_CA_FILE "$ca"
check XDS_CERT_FILE "$cert"
check XDS_KEY_FILE "$key"
check XDS_SERVER_NAME "$name"
check ENVOY_BOOTSTRAP "$bootstrap"
if [ -n "$cert$key" ] && { [ -z "$cert" ] || [ -z "$key" ] || [ -z "$ca" ]; }; then
  echo "XDS_CERT_FILE, XDS_KEY_FILE and XDS_CA_FILE belong together: set all three" >&2
  exit 64
fi
socket="# Without TLS."
if [ -n "$ca" ]; then
  secret() {
    printf '{ name: "%s", sds_config: { resource_api_version: V3, path_config_source: { path: "%s" } } }' "$1" "$secrets/$2"
  }
  case $name in
    spiffe://*) type=URI sni= ;;
    *) type=DNS sni="sni: \"$name\", " ;;
  esac
  identity=${cert:+"tls_certificate_sds_secret_configs: [$(secret xds_identity xds-identity.yaml)], "}
  authority="validation_context_sds_secret_config: $(secret xds_authority xds-authority.yaml)"
  context="type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
  socket="transport_socket: { name: envoy.transport_sockets.tls, typed_config: { \"@type\": $context, ${sni}common_tls_context: { $identity$authority } } }"
  sed \
    -e "s|@XDS_CA_FILE@|$ca|" \
    -e "s|@XDS_CA_FOLDER@|$(dirname "$ca")|" \
    -e "s|@XDS_NAME_TYPE@|$type|" \
    -e "s|@XDS_SERVER_NAME@|$name|" \
    "$folder/xds-authority.yaml" >"$secrets/xds-authority.yaml"
  [ -z "$cert" ] || sed \
    -e "s|@XDS_CERT_FILE@|$cert|" \
    -e "s|@XDS_KEY_FILE@|$key|" \
    -e "s|@XDS_CERT_FOLDER@|$(dirname "$cert")|" \
    "$folder/xds-identity.yaml" >"$secrets/xds-identity.yaml"
fi

sed \
  -e "s|@NODE_ID@|${ENVOY_NODE_ID:-$(hostname)}|" \
  -e "s|@NODE_CLUSTER@|${ENVOY_NODE_CLUSTER:-signalbox}|" \
  -e "s|@NODE_REGION@|$region|" \
  -e "s|@NODE_METADATA@|$metadata|" \
  -e "s|@ADMIN_PORT@|${ENVOY_ADMIN_PORT:-9901}|" \
  -e "s|@MAX_CONNECTIONS@|${ENVOY_MAX_CONNECTIONS:-50000}|" \
  -e "s|@XDS_TRANSPORT_SOCKET@|$socket|" \
  -e "s|@XDS_ENDPOINTS@|$endpoints|" \
  "$folder/bootstrap.yaml" >"$bootstrap"

exec "${ENVOY_BIN:-envoy}" --config-path "$bootstrap" --log-level "${LOG_LEVEL:-info}" --drain-time-s 10 "$@"
