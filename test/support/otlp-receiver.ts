import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What was posted to an OTLP receiver. */
export type OtlpRequest = { readonly path: string; readonly contentType: string; readonly body: Buffer };

export type OtlpReceiver = {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly requests: readonly OtlpRequest[];
  stop(): Promise<void>;
};

/** A receiver of OTLP over HTTP that takes everything and keeps it. The caller stops it. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const requests: OtlpRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const contentType = request.headers["content-type"] ?? "";
      requests.push({ path: request.url ?? "", contentType, body: Buffer.concat(chunks) });
      response.writeHead(200, { "content-type": contentType }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}
