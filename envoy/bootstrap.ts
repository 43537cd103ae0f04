import { readFileSync } from "node:fs";

export type BootstrapSettings = {
  /** Of an xds-server on 127.0.0.1; `xdsAddresses` takes precedence. */
  readonly xdsPort?: number;
  /** Every xds-server as `host:port`, an IPv6 address in brackets; 127.0.0.1:18000 when neither is given. */
  readonly xdsAddresses?: readonly string[];
  /** On loopback; 9901 by default. */
  readonly adminPort?: number;
  /** Unique among the Envoys; "local" by default. `--service-node` takes precedence. */
  readonly nodeId?: string;
  /** The group that this Envoy belongs to; "signalbox" by default. `--service-cluster` takes precedence. */
  readonly nodeCluster?: string;
  /** Client connections beyond it are refused; 50,000 by default. */
  readonly maxConnections?: number;
};

/** Fills in `bootstrap.yaml`: what Envoy starts with. Throws on an address that is not `host:port`. */
export function renderBootstrap(settings: BootstrapSettings = {}): string {
  const addresses = settings.xdsAddresses ?? [`127.0.0.1:${settings.xdsPort ?? 18_000}`];
  const words: Readonly<Record<string, string>> = {
    NODE_ID: quotable("nodeId", settings.nodeId ?? "local"),
    NODE_CLUSTER: quotable("nodeCluster", settings.nodeCluster ?? "signalbox"),
    ADMIN_PORT: String(settings.adminPort ?? 9901),
    MAX_CONNECTIONS: String(settings.maxConnections ?? 50_000),
    XDS_ENDPOINTS: addresses.map(endpoint).join(", "),
  };
  const template = readFileSync(new URL("bootstrap.yaml", import.meta.url), "utf8");
  return template.replace(/@([A-Z_]+)@/g, (placeholder, word: string) => words[word] ?? placeholder);
}

function endpoint(address: string): string {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(address.trim());
  if (!match) throw new Error(`"${address}" is no address of an xds-server: give host:port, such as 127.0.0.1:18000`);
  const host = match[1] ?? match[2];
  return `{ endpoint: { address: { socket_address: { address: "${host}", port_value: ${Number(match[3])} } } } }`;
}

function quotable(what: string, value: string): string {
  if (/^[\w./:-]+$/.test(value)) return value;
  throw new Error(`${what} "${value}" must consist of letters, digits and . _ / : -`);
}
