import { create, toJson } from "@bufbuild/protobuf";
import { stringify } from "yaml";
import { ListenerSchema } from "../../proto/gen/envoy/config/listener/v3/listener_pb.js";
import { LuaSchema } from "../../proto/gen/envoy/extensions/filters/http/lua/v3/lua_pb.js";
import { RouterSchema } from "../../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { registry } from "../../proto/registry.ts";
import { luaFilterSource } from "../../selection/lua/filter-source.ts";
import { luaScalar } from "../../selection/lua/literal.ts";
import { extensionChoice } from "../../xds-server/resources/proto.ts";
import { type EnvoyOptions, startEnvoy } from "./envoy.ts";
import { freePorts } from "./ports.ts";

/** A real Envoy that runs Lua with everything of selection/lua/filter in scope. */
export type EnvoyLua = {
  /** Runs statements that return a text, and answers with it; throws what Lua threw. */
  run(statements: string): Promise<string>;
  stop(): Promise<void>;
};

/** What the statements may use: functions of the filter, which are local to it. */
const inScope = [
  ...["finish", "readContext", "pick", "arm", "split", "isUtf8", "plainNumber"],
  ...["programOf", "loadProgram", "noGlobals", "wordsOf", "questionOf", "decideByResolver"],
];

const runBody = `
function envoy_on_request(handle)
  local body = handle:body()
  local chunk, problem = loadstring(body:getBytes(0, body:length()), "=test", "t")
  if chunk == nil then return handle:respond({ [":status"] = "400" }, problem) end
  setfenv(chunk, setmetatable({ ${inScope.map((name) => `${name} = ${name}`).join(", ")} }, { __index = _G }))
  local good, answer = pcall(chunk)
  handle:respond({ [":status"] = good and "200" or "400" }, tostring(answer))
end
`;

export async function startEnvoyLua(options: EnvoyOptions = {}): Promise<EnvoyLua> {
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const envoy = await startEnvoy(bootstrap(port, adminPort), adminPort, { until: "ready", ...options });
  return {
    run: async (statements) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: statements });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`Lua: ${response.status} ${text}`);
      return text;
    },
    stop: () => envoy.stop(),
  };
}

function bootstrap(port: number, adminPort: number): string {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: "lua",
    routeSpecifier: {
      case: "routeConfig",
      value: {
        virtualHosts: [
          {
            name: "lua",
            domains: ["*"],
            routes: [
              {
                match: { pathSpecifier: { case: "prefix", value: "/" } },
                action: { case: "directResponse", value: { status: 500 } },
              },
            ],
          },
        ],
      },
    },
    httpFilters: [
      extensionChoice("lua", LuaSchema, {
        defaultSourceCode: { specifier: { case: "inlineString", value: luaFilterSource() + runBody } },
      }),
      extensionChoice("router", RouterSchema, {}),
    ],
  });
  const socket = (value: number) => ({
    address: {
      case: "socketAddress" as const,
      value: { address: "127.0.0.1", portSpecifier: { case: "portValue" as const, value } },
    },
  });
  const listener = create(ListenerSchema, {
    name: "lua",
    address: socket(port),
    perConnectionBufferLimitBytes: 16 * 1024 * 1024,
    filterChains: [{ filters: [extensionChoice("manager", HttpConnectionManagerSchema, manager)] }],
  });
  return stringify({
    admin: { address: { socket_address: { address: "127.0.0.1", port_value: adminPort } } },
    static_resources: { listeners: [toJson(ListenerSchema, listener, { registry, useProtoFieldName: true })] },
  });
}

/** A context value as Lua: a list of the values in order, nil for what is absent or no value at all. */
export function luaValue(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map((member) => luaScalar(member)).join(",")}}`;
  const isScalar = typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
  return isScalar ? luaScalar(value as string | number | boolean) : "nil";
}
