import { runProcess } from "../../service/lifecycle.ts";
import { readConfig } from "./config.ts";
import { startAdapter } from "./server.ts";

await runProcess("xds-adapter", () => startAdapter(readConfig(process.env)));
