import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export type BootstrapSettings = {
  /** Of an xds-server on 127.0.0.1; `xdsAddresses` takes precedence. */
  readonly xdsPort?: number;
  /** Every xds-server as `host:port`, an IPv6 address in brackets; 127.0.0.1:18000 when neither is given. */
  readonly xdsAddresses?: readonly string[];
  /** TLS to the xds-servers; none when absent. */
  readonly xdsTls?: XdsTls;
  /** On loopback; 9901 by default. */
  readonly adminPort?: number;
  /** Unique among the Envoys; "local" by default. `--service-node` takes precedence. */
  readonly nodeId?: string;
  /** For people who look at the status; "signalbox" by default. `--service-cluster` takes precedence. */
  readonly nodeCluster?: string;
  /** Where it runs: it is not served documents that are for other regions. None by default. */
  readonly region?: string;
  /** The namespaces that it is served; all that it may read by default. */
  readonly namespaces?: readonly string[];
  /** By which pins and staged rollouts name it; none by default. */
  readonly group?: string;
  /** It is served only documents with these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Client connections beyond it are refused; 50,000 by default. */
  readonly maxConnections?: number;
};

/** How Envoy and its xds-servers know each other: absolute paths of PEM files on Envoy's machine. */
export type XdsTls = {
  /** The authorities of the xds-servers' certificates. */
  readonly caFile: string;
  /** What the xds-servers' certificates have to carry: a DNS name, or a SPIFFE id. */
  readonly serverName: string;
  /** Envoy's own certificate and its key, for mutual TLS. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The folder of the two files that `renderXdsSecrets` gives. */
  readonly secretsFolder: string;
};

/** Fills in `bootstrap.yaml`: what Envoy starts with. Throws on a setting that cannot be written into it. */
export function renderBootstrap(settings: BootstrapSettings = {}): string {
  const addresses = settings.xdsAddresses ?? [`127.0.0.1:${settings.xdsPort ?? 18_000}`];
  return fillIn("bootstrap.yaml", {
    NODE_ID: quotable("nodeId", settings.nodeId ?? "local"),
    NODE_CLUSTER: quotable("nodeCluster", settings.nodeCluster ?? "signalbox"),
    NODE_REGION: settings.region === undefined ? "" : quotable("region", settings.region),
    NODE_METADATA: metadata(settings),
    ADMIN_PORT: String(settings.adminPort ?? 9901),
    MAX_CONNECTIONS: String(settings.maxConnections ?? 50_000),
    XDS_ENDPOINTS: addresses.map(endpoint).join(", "),
    XDS_TRANSPORT_SOCKET: settings.xdsTls ? transportSocket(settings.xdsTls) : "# Without TLS.",
  });
}

/**
 * The files that a bootstrap with `xdsTls` names, by their name in `secretsFolder`: only secrets that come from such files are
 * read again when a certificate changes.
 */
export function renderXdsSecrets(tls: XdsTls): Record<string, string> {
  const { caFile, certFile, keyFile } = tls;
  const authority = fillIn("xds-authority.yaml", {
    XDS_CA_FILE: quotable("caFile", caFile),
    XDS_CA_FOLDER: dirname(caFile),
    XDS_NAME_TYPE: tls.serverName.startsWith("spiffe://") ? "URI" : "DNS",
    XDS_SERVER_NAME: quotable("serverName", tls.serverName),
  });
  if (certFile === undefined || keyFile === undefined) return { "xds-authority.yaml": authority };
  const identity = fillIn("xds-identity.yaml", {
    XDS_CERT_FILE: quotable("certFile", certFile),
    XDS_KEY_FILE: quotable("keyFile", keyFile),
    XDS_CERT_FOLDER: dirname(certFile),
  });
  return { "xds-authority.yaml": authority, "xds-identity.yaml": identity };
}

function fillIn(file: string, words: Readonly<Record<string, string>>): string {
  const template = readFileSync(new URL(file, import.meta.url), "utf8");
  return template.replace(/@([A-Z_]+)@/g, (placeholder, word: string) => words[word] ?? placeholder);
}

function metadata({ namespaces, group, labels = {} }: BootstrapSettings): string {
  const lists =
    namespaces === undefined ? [] : [`"signalbox.dev/namespaces": [${quotedAll("namespaces", namespaces)}]`];
  const pairs = Object.entries(labels).map(
    ([key, value]) => `"${quotable("labels", key)}": "${quotable("labels", value)}"`,
  );
  const groups = group === undefined ? [] : [`"signalbox.dev/group": "${quotable("group", group)}"`];
  return [...lists, ...groups, ...(pairs.length === 0 ? [] : [`"signalbox.dev/labels": { ${pairs.join(", ")} }`])].join(
    ", ",
  );
}

function quotedAll(what: string, values: readonly string[]): string {
  return values.map((value) => `"${quotable(what, value)}"`).join(", ");
}

const tlsContext = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

function transportSocket({ serverName, certFile, keyFile, secretsFolder }: XdsTls): string {
  const sni = serverName.startsWith("spiffe://") ? "" : `sni: "${quotable("serverName", serverName)}", `;
  const isMutual = certFile !== undefined && keyFile !== undefined;
  const identity = isMutual
    ? `tls_certificate_sds_secret_configs: [${secret("xds_identity", secretsFolder, "xds-identity.yaml")}], `
    : "";
  const authority = `validation_context_sds_secret_config: ${secret("xds_authority", secretsFolder, "xds-authority.yaml")}`;
  return `transport_socket: { name: envoy.transport_sockets.tls, typed_config: { "@type": ${tlsContext}, ${sni}common_tls_context: { ${identity}${authority} } } }`;
}

function secret(name: string, folder: string, file: string): string {
  const path = quotable("secretsFolder", join(folder, file));
  return `{ name: "${name}", sds_config: { resource_api_version: V3, path_config_source: { path: "${path}" } } }`;
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
