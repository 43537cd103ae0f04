#!/bin/sh
# Starts Envoy in its image: fills bootstrap.yaml in from the environment and becomes Envoy.
#   XDS_ADDRESSES       host:port of every xds-server, comma-separated (xds-server:18000)
#   ENVOY_NODE_ID       unique among the Envoys (the host name)
#   ENVOY_NODE_CLUSTER  the group it belongs to (signalbox)
#   ENVOY_ADMIN_PORT    on loopback (9901)
#   ENVOY_MAX_CONNECTIONS  of clients (50000)
#   LOG_LEVEL           trace, debug, info, warn, error, off (info)
# Arguments are handed on to Envoy.
set -eu

folder=$(dirname "$0")
bootstrap=${ENVOY_BOOTSTRAP:-/tmp/bootstrap.yaml}

endpoints=
for address in $(printf '%s' "${XDS_ADDRESSES:-xds-server:18000}" | tr ',' ' '); do
  host=${address%:*}
  port=${address##*:}
  case $host in "" | *[!A-Za-z0-9._-]*) echo "XDS_ADDRESSES: \"$address\" is not host:port" >&2; exit 64 ;; esac
  case $port in "" | *[!0-9]*) echo "XDS_ADDRESSES: \"$address\" is not host:port" >&2; exit 64 ;; esac
  endpoints="$endpoints${endpoints:+, }{ endpoint: { address: { socket_address: { address: \"$host\", port_value: $port } } } }"
done

sed \
  -e "s|@NODE_ID@|${ENVOY_NODE_ID:-$(hostname)}|" \
  -e "s|@NODE_CLUSTER@|${ENVOY_NODE_CLUSTER:-signalbox}|" \
  -e "s|@ADMIN_PORT@|${ENVOY_ADMIN_PORT:-9901}|" \
  -e "s|@MAX_CONNECTIONS@|${ENVOY_MAX_CONNECTIONS:-50000}|" \
  -e "s|@XDS_ENDPOINTS@|$endpoints|" \
  "$folder/bootstrap.yaml" >"$bootstrap"

exec "${ENVOY_BIN:-envoy}" --config-path "$bootstrap" --log-level "${LOG_LEVEL:-info}" --drain-time-s 10 "$@"
