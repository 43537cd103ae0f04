import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromJson,
  getOption,
  hasOption,
  isFieldSet,
  type JsonValue,
  type Message,
  setExtension,
} from "@bufbuild/protobuf";
import {
  AnySchema,
  anyPack,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  MessageOptionsSchema,
  StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { ClusterSchema } from "../../proto/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ListenerSchema } from "../../proto/gen/envoy/config/listener/v3/listener_pb.js";
import { disabled, FieldRulesSchema, ignored, required, rules } from "../../proto/gen/validate/validate_pb.js";
import { registry } from "../../proto/registry.ts";
import { readField } from "./condition.ts";
import { fieldCheck } from "./field-check.ts";
import { ruleExamples } from "./rule-examples.ts";
import { createValidator } from "./validator.ts";

const validate = createValidator(registry);
const read = (type: string, json: JsonValue) => fromJson(messageType(type), json, { registry });

function messageType(type: string): DescMessage {
  const desc = registry.getMessage(type);
  if (!desc) throw new Error(`The registry has no ${type}.`);
  return desc;
}

/** The rules that the generated protos use, each with a field that has it: "repeated.items.string.in". */
function usedRules(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const note = (rule: string, where: string) => found.set(rule, found.get(rule) ?? where);
  const walk = (desc: DescMessage, message: Message, prefix: string, where: string): void => {
    for (const field of desc.fields.filter((one) => isFieldSet(message, one))) {
      const name = `${prefix}${field.name}`;
      if (field.fieldKind !== "message" || !field.message.typeName.startsWith("validate.")) note(name, where);
      else walk(field.message, readField(message, field) as Message, `${name}.`, where);
    }
  };
  for (const type of registry) {
    if (type.kind !== "message") continue;
    for (const field of type.fields) {
      const where = `${type.typeName}.${field.name}`;
      if (hasOption(field, rules)) walk(FieldRulesSchema, getOption(field, rules), "", where);
    }
    for (const oneof of type.oneofs) if (getOption(oneof, required)) note("oneof.required", type.typeName);
  }
  return found;
}

describe("the rules of the generated protos", () => {
  test("each have an example here, and no example is of a rule that is not used", () => {
    const used = usedRules();
    expect(used.size).toBeGreaterThan(40);
    expect(Object.keys(ruleExamples).sort()).toEqual([...used.keys()].sort());
  });

  test("are known to the validator in every message of the registry", () => {
    const messages = [...registry].filter((type) => type.kind === "message");
    expect(messages.length).toBeGreaterThan(400);
    for (const message of messages) for (const field of message.fields) fieldCheck(field);
  });

  test.each(Object.entries(ruleExamples))("%s holds", (rule, { type, allowed, refused, path }) => {
    expect(validate(read(type, allowed))).toEqual([]);
    if (refused)
      expect(validate(read(type, refused))).toEqual([{ path, rule, message: expect.stringMatching(/^must /) }]);
  });
});

test("a message whose rules are disabled or ignored is not checked, nor is what it holds", () => {
  const checkedBy = (...options: readonly (typeof disabled)[]) =>
    createValidator(registryOf(...options))({ $typeName: "test.Message", name: "" } as Message);
  expect(checkedBy()).toMatchObject([{ path: "name", rule: "string.min_len" }]);
  expect(checkedBy(disabled)).toEqual([]);
  expect(checkedBy(ignored)).toEqual([]);
});

/** A registry of one message, `test.Message` with a string `name` that may not be empty, and with these options. */
function registryOf(...options: readonly (typeof disabled)[]): FileRegistry {
  const fieldOptions = create(FieldOptionsSchema);
  setExtension(fieldOptions, rules, fromJson(FieldRulesSchema, { string: { minLen: "1" } }));
  const messageOptions = create(MessageOptionsSchema);
  for (const option of options) setExtension(messageOptions, option, true);
  const { OPTIONAL } = FieldDescriptorProto_Label;
  const { STRING } = FieldDescriptorProto_Type;
  const field = { name: "name", jsonName: "name", number: 1, label: OPTIONAL, type: STRING, options: fieldOptions };
  const file = create(FileDescriptorProtoSchema, {
    name: "test.proto",
    package: "test",
    syntax: "proto3",
    messageType: [{ name: "Message", field: [field], options: messageOptions }],
  });
  return createFileRegistry(file, () => undefined);
}

test.each(["-1s", "-0.000000001s", "9223372037s"])(
  "a duration of %s is a violation, because some of that kind end Envoy",
  (slowStartWindow) => {
    const desc = messageType("envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig");
    expect(validate(fromJson(desc, { slowStartWindow }))).toMatchObject([
      {
        path: "slow_start_window",
        rule: "duration.valid",
        message: `must be at least 0s and at most 9223372036s, not ${Number.parseFloat(slowStartWindow)}s`,
      },
    ]);
  },
);

test("every violation is reported at once, with its path through lists, maps and Any", () => {
  const listener = fromJson(
    ListenerSchema,
    {
      name: "l",
      address: { socketAddress: { address: "", portValue: 70_000 } },
      filterChains: [
        {
          filters: [
            {
              name: "hcm",
              typedConfig: {
                "@type":
                  "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                statPrefix: "s",
                routeConfig: {
                  virtualHosts: [
                    {
                      name: "v",
                      domains: ["*"],
                      routes: [{ match: { prefix: "/" } }],
                      typedPerFilterConfig: {
                        "envoy.filters.http.lua": {
                          "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute",
                          disabled: false,
                        },
                      },
                    },
                  ],
                },
              },
            },
          ],
        },
      ],
    },
    { registry },
  );
  const config = "filter_chains[0].filters[0].typed_config";
  expect(validate(listener).map(({ path, rule }) => `${path}: ${rule}`)).toEqual([
    "address.socket_address.address: string.min_len",
    "address.socket_address.port_value: uint32.lte",
    `${config}.route_config.virtual_hosts[0].routes[0].action: oneof.required`,
    `${config}.route_config.virtual_hosts[0].typed_per_filter_config["envoy.filters.http.lua"].disabled: bool.const`,
  ]);
});

test("a violation says what is allowed and what was found", () => {
  const cluster = fromJson(ClusterSchema, { name: "c", type: "EDS", connectTimeout: "0s", lbPolicy: 99 });
  expect(validate(cluster).map(({ path, message }) => `${path} ${message}`)).toEqual([
    "connect_timeout must be greater than 0s, not 0s",
    expect.stringMatching(/^lb_policy must be one of ROUND_ROBIN \(0\), .*, not 99$/),
  ]);
});

test("an Any of a type that is not in the registry is a violation, because nobody can check it", () => {
  const filter = create(AnySchema, { typeUrl: "type.googleapis.com/some.Filter" });
  const cluster = create(ClusterSchema, { name: "c", typedExtensionProtocolOptions: { x: filter } });
  expect(validate(cluster)).toEqual([
    {
      path: 'typed_extension_protocol_options["x"]',
      rule: "any.known_type",
      message: 'must hold a type that is in proto/buf.gen.yaml, not "some.Filter"',
    },
  ]);
});

test("an Any whose bytes are not of its type is a violation", () => {
  const typeUrl = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
  const broken = create(AnySchema, { typeUrl, value: new Uint8Array([0x0a, 0xff]) });
  const cluster = create(ClusterSchema, { name: "c", typedExtensionProtocolOptions: { x: broken } });
  expect(validate(cluster)).toMatchObject([{ path: 'typed_extension_protocol_options["x"]', rule: "any.decodable" }]);
});

test("a well-known type in an Any is taken as it is", () => {
  const text = anyPack(StringValueSchema, create(StringValueSchema, { value: "" }));
  expect(validate(create(ClusterSchema, { name: "c", typedExtensionProtocolOptions: { x: text } }))).toEqual([]);
});

test("a message of a type that is not in the registry is refused with the remedy", () => {
  const message = { $typeName: "some.Message" } as Message;
  expect(() => validate(message)).toThrow("No generated proto has some.Message: add it to proto/buf.gen.yaml.");
});
