import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("without any variable, both versions are served on 127.0.0.1", () => {
  expect(readConfig({ MODEL_SERVER_HTTP_PORT: "" })).toEqual({
    host: "127.0.0.1",
    httpPort: 9107,
    grpcPort: 9117,
    versions: ["7", "8"],
  });
});

test("versions are a list with commas", () => {
  expect(readConfig({ MODEL_SERVER_VERSIONS: "8" }).versions).toEqual(["8"]);
  expect(readConfig({ MODEL_SERVER_VERSIONS: "8, 7" }).versions).toEqual(["8", "7"]);
});

test("every wrong variable is named at once", () => {
  const wrong = { MODEL_SERVER_HTTP_PORT: "70000", MODEL_SERVER_GRPC_PORT: "x", MODEL_SERVER_VERSIONS: "9" };
  expect(() => readConfig(wrong)).toThrow(
    /MODEL_SERVER_HTTP_PORT=70000: .*\nMODEL_SERVER_GRPC_PORT=x: .*\nMODEL_SERVER_VERSIONS=9: holds versions "7" and "8" only/,
  );
});
