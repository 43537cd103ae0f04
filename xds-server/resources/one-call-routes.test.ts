import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { LuaPerRouteSchema } from "../../proto/gen/envoy/extensions/filters/http/lua/v3/lua_pb.js";
import { oneCallFilterName, oneCallSettings } from "./one-call-routes.ts";

function carried(program: string) {
  const { metadata, typedPerFilterConfig } = oneCallSettings({ program, resolver: null });
  const setting = typedPerFilterConfig?.[oneCallFilterName];
  const settings = setting && anyUnpack(setting as Parameters<typeof anyUnpack>[0], LuaPerRouteSchema);
  return { metadata: metadata?.filterMetadata, setting: settings?.filterContext };
}

test("a short program is the setting of the filter, and nothing else", () => {
  const program = "x".repeat(1024);
  expect(carried(program)).toEqual({ metadata: undefined, setting: { program } });
});

test("a long program is metadata, and its digest the setting: equal for equal programs, another for another one", () => {
  const [one, same, other] = ["a", "a", "b"].map((end) => carried("x".repeat(1024) + end));
  expect(one?.metadata).toEqual({ [oneCallFilterName]: { program: `${"x".repeat(1024)}a` } });
  expect(one?.setting?.program).toMatch(/^@[\w-]{16}$/);
  expect(same?.setting).toEqual(one?.setting);
  expect(other?.setting).not.toEqual(one?.setting);
});
