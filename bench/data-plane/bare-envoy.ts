import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes the configuration of an Envoy with one static route to the model server; answers with the file. */
export function bareEnvoyConfiguration(settings: {
  folder: string;
  port: number;
  adminPort: number;
  backendPort: number;
}): string {
  const file = join(settings.folder, "bare-envoy.yaml");
  writeFileSync(
    file,
    `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${settings.adminPort} } } }
static_resources:
  listeners:
    - name: "bare"
      address: { socket_address: { address: 127.0.0.1, port_value: ${settings.port} } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: "bare"
                route_config:
                  virtual_hosts:
                    - name: "bare"
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
