import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { jsonSchemas } from "./json-schema.ts";

/** `npm run generate` writes config/schema/*.json; a test says when that is needed. */
const folder = fileURLToPath(new URL("./schema/", import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [file, schema] of Object.entries(jsonSchemas())) {
  writeFileSync(`${folder}${file}`, `${JSON.stringify(schema, null, 2)}\n`);
}
