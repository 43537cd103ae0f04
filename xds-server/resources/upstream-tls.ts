import { create } from "@bufbuild/protobuf";
import type { Shard } from "../../config/documents/shard.ts";
import { type TransportSocket, TransportSocketSchema } from "../../proto/gen/envoy/config/core/v3/base_pb.js";
import { SubjectAltNameMatcher_SanType } from "../../proto/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { UpstreamTlsContextSchema } from "../../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { extensionChoice } from "./proto.ts";

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

/** TLS to the shard: its certificate must be of a trusted authority and, where the shard has a host name, carry it. */
export function transportSocket(spec: Shard["spec"]): TransportSocket {
  const serverName = hostNameOf(spec);
  const caFile = spec.tls?.caFile ?? systemCaFile;
  const names = serverName
    ? [
        {
          sanType: SubjectAltNameMatcher_SanType.DNS,
          matcher: { matchPattern: { case: "exact" as const, value: serverName } },
        },
      ]
    : [];
  return create(
    TransportSocketSchema,
    extensionChoice("envoy.transport_sockets.tls", UpstreamTlsContextSchema, {
      sni: serverName ?? "",
      commonTlsContext: {
        alpnProtocols: spec.protocol === "http1" ? ["http/1.1"] : ["h2"],
        validationContextType: {
          case: "validationContext",
          value: {
            trustedCa: { specifier: { case: "filename", value: caFile } },
            matchTypedSubjectAltNames: names,
          },
        },
      },
    }),
  );
}
