import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

// `npm run bench` runs every benchmark, `npm run bench -- NAME` one. A benchmark is a folder with a `bench.ts` that
// exports `run()`.
const folder = fileURLToPath(new URL(".", import.meta.url));
const known = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "out")
  .map((entry) => entry.name);
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !known.includes(name));

if (unknown.length > 0) {
  console.error(`No benchmark is called ${unknown.join(", ")}. There are: ${known.join(", ")}.`);
  process.exitCode = 2;
} else {
  for (const name of asked.length > 0 ? asked : known) {
    console.log(`\n== ${name}`);
    const benchmark = (await import(`./${name}/bench.ts`)) as { run(): Promise<void> };
    await benchmark.run();
  }
}
