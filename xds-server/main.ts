import { runProcess } from "../service/lifecycle.ts";
import { readConfig } from "./config.ts";
import { startServer } from "./server.ts";

await runProcess("xds-server", () => startServer(readConfig(process.env)));
