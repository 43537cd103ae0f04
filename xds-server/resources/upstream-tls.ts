import { create } from "@bufbuild/protobuf";
import type { Shard } from "../../config/documents/shard.ts";
import { type TransportSocket, TransportSocketSchema } from "../../proto/gen/envoy/config/core/v3/base_pb.js";
import { SubjectAltNameMatcher_SanType } from "../../proto/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { UpstreamTlsContextSchema } from "../../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { ShardCluster } from "../routing/routing-table.ts";
import { extensionChoice, fromAds } from "./proto.ts";
import { caSecretName, clientSecretName } from "./secrets.ts";

/** The host name that a shard goes by, where it has one: what TLS asks for, or what is resolved. */
export function hostNameOf(spec: Shard["spec"]): string | undefined {
  return spec.tls?.serverName ?? spec.dns?.hostname;
}

/**
 * The system's certificate authorities where Envoy's own image has them, as Debian does. Envoy does not implement
 * `system_root_certs`, and without `trusted_ca` it verifies nothing.
 * https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/security/ssl#certificate-verification
 */
const systemCaFile = "/etc/ssl/certs/ca-certificates.crt";

/** A new cluster whose secret does not come counts as ready after that long, and its connections fail. */
const secretTimeoutMs = 5000;

/** TLS to the shard: its certificate must be of a trusted authority and, where the shard has a host name, carry it. */
export function transportSocket({ name, spec }: ShardCluster): TransportSocket {
  const serverName = hostNameOf(spec);
  const identity = spec.tls?.clientSecret === undefined ? [] : [fromSds(clientSecretName(name))];
  return create(
    TransportSocketSchema,
    extensionChoice("envoy.transport_sockets.tls", UpstreamTlsContextSchema, {
      sni: serverName ?? "",
      commonTlsContext: {
        alpnProtocols: spec.protocol === "http1" ? ["http/1.1"] : ["h2"],
        tlsCertificateSdsSecretConfigs: identity,
        validationContextType: validation(name, spec, serverName),
      },
    }),
  );
}

function validation(name: string, { tls }: Shard["spec"], serverName: string | undefined) {
  const matchTypedSubjectAltNames = serverName === undefined ? [] : [exactDnsName(serverName)];
  if (tls?.caSecret !== undefined) {
    const value = {
      defaultValidationContext: { matchTypedSubjectAltNames },
      validationContextSdsSecretConfig: fromSds(caSecretName(name)),
    };
    return { case: "combinedValidationContext" as const, value };
  }
  const trustedCa = { specifier: { case: "filename" as const, value: tls?.caFile ?? systemCaFile } };
  return { case: "validationContext" as const, value: { trustedCa, matchTypedSubjectAltNames } };
}

function exactDnsName(value: string) {
  const matcher = { matchPattern: { case: "exact" as const, value } };
  return { sanType: SubjectAltNameMatcher_SanType.DNS, matcher };
}

function fromSds(name: string) {
  return { name, sdsConfig: fromAds(secretTimeoutMs) };
}
