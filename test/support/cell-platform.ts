import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline, Readable } from "node:stream";

/** An outside experiment platform. */
export type CellPlatform = {
  readonly url: string;
  /** The paths that it was asked for. */
  readonly asked: string[];
  stop(): void;
};

function* endless() {
  for (;;) yield Buffer.alloc(64 * 1024, " ");
}

/** It knows the cells of unit u1, keeps u2 waiting for ever, answers without end for u4, and fails for the rest. */
export function startCellPlatform(cells: readonly string[]): Promise<CellPlatform> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const unit = new URL(request.url ?? "", "http://x").searchParams.get("unit");
    if (unit === "u2") return;
    if (unit === "u4") return void pipeline(Readable.from(endless()), response, () => undefined);
    response.statusCode = unit === "u1" ? 200 : 500;
    response.end(JSON.stringify({ cells }));
  });
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({ url: `http://127.0.0.1:${port}/cells?key=k`, asked, stop });
    });
  });
}
