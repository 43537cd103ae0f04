import { create } from "@bufbuild/protobuf";
import { type Secret, SecretSchema } from "../../proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { ShardCluster } from "../routing/routing-table.ts";
import { type Resource, resource } from "./resource.ts";

/** Secrets are named after their shard: an Envoy is given those of its own clusters and no others. */
export const clientSecretName = (shard: string) => `${shard}/client`;
export const caSecretName = (shard: string) => `${shard}/ca`;

/** What the shard's `tls` names and the xds-server has, for SDS. */
export function secretResources({ name, spec, secrets = {} }: ShardCluster): Resource[] {
  const { client, ca } = secrets;
  const resources: Resource[] = [];
  if (spec.tls?.clientSecret !== undefined && client) {
    const tlsCertificate = { certificateChain: inline(client.certificate), privateKey: inline(client.key) };
    resources.push(secret(clientSecretName(name), { case: "tlsCertificate", value: tlsCertificate }));
  }
  if (spec.tls?.caSecret !== undefined && ca) {
    resources.push(secret(caSecretName(name), { case: "validationContext", value: { trustedCa: inline(ca) } }));
  }
  return resources;
}

type SecretType = NonNullable<Parameters<typeof create<typeof SecretSchema>>[1]>["type"];

function secret(name: string, type: SecretType): Resource {
  const message: Secret = create(SecretSchema, { name, type });
  return resource(SecretSchema, name, message);
}

function inline(value: Uint8Array) {
  return { specifier: { case: "inlineBytes" as const, value } };
}
