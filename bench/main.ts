import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

// `npm run bench` runs every benchmark, `npm run bench -- NAME` one. A benchmark is a folder with a `bench.ts` that
// exports `run()`.
const folder = fileURLToPath(new URL(".", import.meta.url));
const known = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "out")
  .map((entry) => entry.name);
const asked = process.argv.slice(2);
const wantsHelp = asked.some((word) => word === "--help" || word === "-h");
const unknown = asked.filter((name) => !known.includes(name));

if (wantsHelp) {
  console.log(`npm run bench            every benchmark, one after the other
npm run bench -- NAME    one or more of: ${known.join(", ")}

Each prints a table against a named peer, and writes its figures to bench/out/NAME.json. They want an otherwise idle machine.`);
} else if (unknown.length > 0) {
  console.error(`No benchmark is called ${unknown.join(", ")}. There are: ${known.join(", ")}; --help tells more.`);
  process.exitCode = 2;
} else {
  for (const name of asked.length > 0 ? asked : known) {
    console.log(`\n== ${name}`);
    const benchmark = (await import(`./${name}/bench.ts`)) as { run(): Promise<void> };
    await benchmark.run();
  }
}
