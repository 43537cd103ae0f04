import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { projectFolder } from "../setup/paths.js";

type Service = {
  readonly image?: string;
  readonly build?: unknown;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly user?: string;
};

const compose = composeCommand();
const reason = "docker-compose is not installed (Debian: apt-get install docker-compose)";
if (!compose && process.env.CI) throw new Error(reason);
if (!compose) console.warn(`skipped: ${reason}`);

describe.skipIf(!compose)("docker-compose.yml", () => {
  const services = compose ? readServices(compose) : {};
  const named = (pattern: RegExp) => Object.keys(services).filter((name) => pattern.test(name));
  const ours = Object.entries(services).filter(([, service]) => service.image === "signalbox");

  test("has three NATS servers, two resolvers, two xds-servers, two Envoys and two model servers", () => {
    expect(named(/^nats-\d$/)).toHaveLength(3);
    expect(named(/^resolver-\d$/)).toHaveLength(2);
    expect(named(/^xds-server-\d$/)).toHaveLength(2);
    expect(named(/^envoy-\d$/)).toHaveLength(2);
    expect(named(/^digits-[ab]$/)).toHaveLength(2);
  });

  test("starts only files that exist and are in the image", () => {
    const copied = copiedFolders();
    for (const [name, service] of ours) {
      const [program, main = ""] = service.command ?? [];
      expect([name, program]).toEqual([name, "node"]);
      expect(existsSync(join(projectFolder, main)), `${name}: ${main}`).toBe(true);
      expect(
        copied.some((folder) => main.startsWith(`${folder}/`)),
        `${name}: ${main} is copied`,
      ).toBe(true);
    }
  });

  test("publishes documents that are valid together", () => {
    const [, main = "", ...args] = services.publish?.command ?? [];
    const files = args.slice(1);
    const result = spawnSync(process.execPath, [main, "validate", ...files], { cwd: projectFolder, encoding: "utf8" });
    expect(result.stdout + result.stderr).toMatch(/^\d+ documents, no problem\.$/m);
  });

  test("copies only what exists into the image, and runs it as a user without rights", () => {
    for (const folder of copiedFolders()) expect(existsSync(join(projectFolder, folder)), folder).toBe(true);
    const dockerfile = readFileSync(join(projectFolder, "Dockerfile"), "utf8");
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK /m);
  });

  test("mounts only files and folders that exist", () => {
    const mounted = Object.values(services).flatMap((service) => service.volumes ?? []);
    const fromHere = mounted.map((volume) => volume.split(":")[0] ?? "").filter((source) => source.startsWith("/"));
    expect(fromHere.length).toBeGreaterThan(4);
    for (const source of fromHere) expect(existsSync(source), source).toBe(true);
  });

  test("gives every server a health check that asks a port the server has", () => {
    for (const [name, service] of Object.entries(services)) {
      if (/^(nats|envoy)-\d$/.test(name)) expect(service.healthcheck?.test.length, name).toBeGreaterThan(0);
      if (/^(resolver|xds-server)-\d$|^digits-/.test(name)) {
        expect(service.environment?.HEALTH_URL, name).toMatch(/^http:\/\/127\.0\.0\.1:\d+\//);
      }
    }
  });

  test("sets only environment variables that the program it starts reads", () => {
    for (const [name, service] of ours) {
      const folder = service.command?.[1]?.replace(/\/main\.ts$/, "") ?? "";
      const text = sourceOf(folder) + sourceOf("config/store") + sourceOf("service");
      for (const variable of Object.keys(service.environment ?? {})) {
        if (variable === "HEALTH_URL") continue;
        expect(text.includes(variable), `${name} sets ${variable}, which ${folder} does not read`).toBe(true);
      }
    }
  });
});

/** `docker-compose` of Debian, or the plugin of Docker; null when there is neither. */
function composeCommand(): readonly string[] | null {
  for (const command of [["docker-compose"], ["docker", "compose"]]) {
    if (spawnSync(command[0] ?? "", [...command.slice(1), "version"]).status === 0) return command;
  }
  return null;
}

function readServices(command: readonly string[]): Readonly<Record<string, Service>> {
  const result = spawnSync(command[0] ?? "", [...command.slice(1), "config"], { cwd: projectFolder, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`docker-compose config refuses docker-compose.yml:\n${result.stderr}`);
  return (parse(result.stdout) as { services: Record<string, Service> }).services;
}

function copiedFolders(): string[] {
  const dockerfile = readFileSync(join(projectFolder, "Dockerfile"), "utf8");
  return [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].flatMap((match) => (match[1] ?? "").split(" "));
}

function sourceOf(folder: string): string {
  const result = spawnSync("git", ["ls-files", "-co", "--exclude-standard", `${folder}/*.ts`], {
    cwd: projectFolder,
    encoding: "utf8",
  });
  return result.stdout
    .split("\n")
    .filter(Boolean)
    .map((file) => readFileSync(join(projectFolder, file), "utf8"))
    .join("\n");
}
