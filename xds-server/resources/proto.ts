import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyPack, type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction,
  HeaderValueOptionSchema,
} from "../../proto/gen/envoy/config/core/v3/base_pb.js";
import {
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from "../../proto/gen/envoy/config/core/v3/config_source_pb.js";

/** A message inside an `Any`. */
export function any<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return anyPack(schema, create(schema, init) as MessageShape<Desc>);
}

/** An extension where the field has a `typed_config` and nothing else (`TypedExtensionConfig`). */
export function extension<Desc extends DescMessage>(name: string, schema: Desc, init: MessageInitShape<Desc>) {
  return { name, typedConfig: any(schema, init) };
}

/** An extension where `typed_config` is one of several ways to configure it (filters, transport sockets, access logs). */
export function extensionChoice<Desc extends DescMessage>(name: string, schema: Desc, init: MessageInitShape<Desc>) {
  return { name, configType: { case: "typedConfig" as const, value: any(schema, init) } };
}

export function duration(milliseconds: number): Duration {
  const seconds = Math.trunc(milliseconds / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: (milliseconds - seconds * 1000) * 1e6 });
}

/** Sets a header, whatever it was before. The value is literal: `%` starts no format. */
export function setHeader(key: string, value: string): HeaderValueOption {
  return setHeaderFormat(key, value.replaceAll("%", "%%"));
}

/** Sets a header to an Envoy format string such as `%REQ(:path)%`. */
export function setHeaderFormat(key: string, format: string): HeaderValueOption {
  const appendAction = HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD;
  return create(HeaderValueOptionSchema, { header: { key, value: format }, appendAction });
}

/** Sets a header that the request does not have yet. */
export function addMissingHeader(key: string, value: string): HeaderValueOption {
  const appendAction = HeaderValueOption_HeaderAppendAction.ADD_IF_ABSENT;
  return create(HeaderValueOptionSchema, { header: { key, value }, appendAction });
}

/** "Ask on the stream that this resource came on", with as long as that may take; 0 is for ever. */
export function fromAds(initialFetchTimeoutMs = 15_000): ConfigSource {
  return create(ConfigSourceSchema, {
    resourceApiVersion: ApiVersion.V3,
    initialFetchTimeout: duration(initialFetchTimeoutMs),
    configSourceSpecifier: { case: "ads", value: {} },
  });
}
