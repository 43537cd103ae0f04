import type { StoreSettings } from "../config/store/document-store.ts";
import type { CommandContext } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

/** Where the documents are, from the variables that the other processes read too. */
export function storeSettings({ environment }: CommandContext): StoreSettings {
  return { ...natsSettings(environment), ...given("bucket", environment.SIGNALBOX_BUCKET) };
}

/** Where the heartbeats are. */
export function statusSettings({ environment }: CommandContext): StoreSettings {
  return { ...natsSettings(environment), ...given("bucket", environment.SIGNALBOX_STATUS_BUCKET) };
}

/** Where the resolver is: `RESOLVER_URL`, or the default address. */
export function resolverUrl({ environment }: CommandContext): string {
  return baseUrl("RESOLVER_URL", environment.RESOLVER_URL || local(environment.RESOLVER_HTTP_PORT || "7070"));
}

/** Where Envoy takes requests: `ENVOY_URL`, or the default address. */
export function envoyUrl({ environment }: CommandContext): string {
  return baseUrl("ENVOY_URL", environment.ENVOY_URL || local(environment.ENVOY_KEYED_PORT || "10000"));
}

/** The admin pages of the Envoys to ask: `ENVOY_ADMIN_URLS` (comma between), or the default address. */
export function envoyAdminUrls({ environment }: CommandContext): string[] {
  const urls = environment.ENVOY_ADMIN_URLS || local(environment.ENVOY_ADMIN_PORT || "9901");
  return urls.split(",").map((url) => baseUrl("ENVOY_ADMIN_URLS", url.trim()));
}

function natsSettings(environment: NodeJS.ProcessEnv): StoreSettings {
  return {
    servers: environment.NATS_URL || `nats://127.0.0.1:${environment.NATS_PORT || 4222}`,
    clientName: "signalbox command line",
    replicas: wholeNumber("STORE_REPLICAS", environment.STORE_REPLICAS || "1"),
    ...given("credentialsFile", environment.NATS_CREDENTIALS),
  };
}

function given<K extends string>(name: K, value: string | undefined): { readonly [name in K]?: string } {
  return (value ? { [name]: value } : {}) as { readonly [name in K]?: string };
}

function local(port: string): string {
  return `http://127.0.0.1:${port}`;
}

function baseUrl(variable: string, text: string): string {
  const url = URL.parse(text);
  if (url && ["http:", "https:"].includes(url.protocol)) return text.replace(/\/+$/, "");
  throw new CommandError(`${variable}: "${text}" is no http address such as http://127.0.0.1:7070.`, exitCode.usage);
}

function wholeNumber(variable: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new CommandError(`${variable}=${text} must be a whole number of at least 1.`, exitCode.usage);
}
