import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectFolder, toolsFolder } from "../setup/paths.js";

// Generates proto/gen from the protos of Envoy (PyPI package xds-protos) and of Signalbox (proto/signalbox). Run by
// `npm run generate`; running it twice changes nothing. JavaScript with declarations, because the TypeScript that
// protoc-gen-es writes has enums, which Node cannot strip.

const protosVersion = "1.85.0";
const folder = join(toolsFolder, `xds-protos-${protosVersion}`);
const python = join(folder, "bin", "python");
const descriptors = join(folder, "envoy.binpb");
const output = join(projectFolder, "proto", "gen");

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: projectFolder, stdio: ["ignore", "inherit", "inherit"] });

if (!existsSync(python)) {
  mkdirSync(folder, { recursive: true });
  run("python3", "-m", "venv", folder);
}
run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", `xds-protos==${protosVersion}`);
run(python, "proto/envoy-descriptors.py", descriptors);

rmSync(output, { recursive: true, force: true });
const envoyTemplate = readFileSync(join(projectFolder, "proto", "buf.gen.yaml"), "utf8");
generate(envoyTemplate.replace("ENVOY_DESCRIPTORS", descriptors));
generate(signalboxTemplate(envoyTemplate));

/** The template for our own protos: the same plugin and options, another input. */
function signalboxTemplate(template: string): string {
  const plugins = template.slice(template.indexOf("plugins:"));
  return `version: v2\ninputs:\n  - directory: proto\n    paths: [proto/signalbox]\n${plugins}`;
}

function generate(template: string): void {
  const file = join(folder, "buf.gen.yaml");
  writeFileSync(file, template);
  run(join(projectFolder, "node_modules", ".bin", "buf"), "generate", "--template", file);
}
