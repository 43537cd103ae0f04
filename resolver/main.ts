import { runProcess } from "../service/lifecycle.ts";
import { readConfig } from "./config.ts";
import { startResolver } from "./server.ts";

await runProcess("resolver", async () => startResolver(readConfig(process.env), process.env));
