import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("without variables, it listens on this machine only", () => {
  expect(readConfig({})).toMatchObject({ HOST: "127.0.0.1", XDS_GRPC_PORT: 18_000, XDS_ALLOW_PLAINTEXT: "false" });
});

test.each(["127.0.0.1", "127.0.0.53", "localhost", "::1"])("xDS without TLS is served on %s", (HOST) => {
  expect(readConfig({ HOST }).HOST).toBe(HOST);
});

test.each(["0.0.0.0", "::", "10.0.0.7", "xds.example"])("xDS without TLS is served on %s only when allowed", (HOST) => {
  expect(() => readConfig({ HOST })).toThrow(/HOST=.*XDS_ALLOW_PLAINTEXT=true/s);
  expect(() => readConfig({ HOST, XDS_ALLOW_PLAINTEXT: "false" })).toThrow("XDS_ALLOW_PLAINTEXT=true");
  expect(readConfig({ HOST, XDS_ALLOW_PLAINTEXT: "true" }).HOST).toBe(HOST);
});

test("with a certificate, xDS is served anywhere", () => {
  const tls = { XDS_TLS_CERT_FILE: "/tls.crt", XDS_TLS_KEY_FILE: "/tls.key" };
  expect(readConfig({ HOST: "0.0.0.0", ...tls }).HOST).toBe("0.0.0.0");
});

test.each([
  [{ XDS_TLS_CERT_FILE: "/tls.crt" }, 'XDS_TLS_CERT_FILE="/tls.crt" needs XDS_TLS_KEY_FILE'],
  [{ XDS_TLS_KEY_FILE: "/tls.key" }, 'XDS_TLS_KEY_FILE="/tls.key" needs XDS_TLS_CERT_FILE'],
  [{ XDS_TLS_CLIENT_CA_FILE: "/ca.crt" }, 'XDS_TLS_CLIENT_CA_FILE="/ca.crt" needs XDS_TLS_CERT_FILE'],
  [
    { XDS_SDS_FOLDER: "/sds", HOST: "10.0.0.7", XDS_ALLOW_PLAINTEXT: "true" },
    'XDS_SDS_FOLDER="/sds" holds private keys',
  ],
  [{ XDS_IDENTITIES_FILE: "/who.yaml" }, 'XDS_IDENTITIES_FILE="/who.yaml" needs XDS_TLS_CLIENT_CA_FILE'],
])("half of a TLS configuration is a problem: %j", (environment, message) => {
  expect(() => readConfig(environment)).toThrow(message);
});

test("a wrong flag is a problem of its own", () => {
  expect(() => readConfig({ XDS_ALLOW_PLAINTEXT: "maybe" })).toThrow(
    'XDS_ALLOW_PLAINTEXT="maybe" must be true or false',
  );
});
