import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes the configuration of an Envoy with one static route to the model server and not one feature more: no retries, no
 * limits, no headers. Answers with the file. */
export function minimalEnvoyConfiguration(settings: {
  folder: string;
  port: number;
  adminPort: number;
  backendPort: number;
}): string {
  const file = join(settings.folder, "minimal-envoy.yaml");
  writeFileSync(
    file,
    `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${settings.adminPort} } } }
static_resources:
  listeners:
    - name: "minimal"
      address: { socket_address: { address: 127.0.0.1, port_value: ${settings.port} } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: "minimal"
                route_config:
                  virtual_hosts:
                    - name: "minimal"
                      domains: ["*"]
                      routes: [{ match: { prefix: "/" }, route: { cluster: "backend" } }]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
    - name: "backend"
      connect_timeout: 1s
      load_assignment:
        cluster_name: "backend"
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${settings.backendPort} } } }
`,
  );
  return file;
}
