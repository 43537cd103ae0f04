import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { envoyBinary, envoyVersion, natsServerBinary, projectFolder } from "../setup/paths.js";

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

  test("starts programs that import only what is in the image, which has no development dependencies", () => {
    const { dependencies } = JSON.parse(readFileSync(join(projectFolder, "package.json"), "utf8"));
    const copied = copiedFolders();
    const seen = new Set<string>();
    const packages = new Set<string>();
    const follow = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const specifier of importsOf(join(projectFolder, file))) {
        if (specifier.startsWith(".")) follow(join(dirname(file), specifier));
        else if (!specifier.startsWith("node:")) packages.add(packageOf(specifier));
      }
    };
    for (const [, service] of ours) follow(service.command?.[1] ?? "");
    expect(seen.size).toBeGreaterThan(100);
    const isCopied = (file: string) => copied.some((each) => file === each || file.startsWith(`${each}/`));
    expect([...seen].filter((file) => !isCopied(file))).toEqual([]);
    expect([...packages].filter((name) => !(name in dependencies))).toEqual([]);
  });

  test("gives NATS and the Envoy in front configurations that they accept", () => {
    const { envoy, nats } = { envoy: envoyBinary(), nats: natsServerBinary() };
    if (!envoy || !nats) throw new Error("Envoy or nats-server is missing: run `npm run setup`");
    const front = spawnSync(
      envoy,
      ["--mode", "validate", "--log-level", "warning", "--config-path", "envoy/front.yaml"],
      {
        cwd: projectFolder,
        encoding: "utf8",
      },
    );
    expect([front.status, front.stderr]).toEqual([0, ""]);
    const cluster = spawnSync(nats, ["-t", "--name", "nats-1", "--config", "config/nats/cluster.conf"], {
      cwd: projectFolder,
      encoding: "utf8",
    });
    expect([cluster.status, cluster.stderr]).toEqual([0, expect.stringContaining("is valid")]);
  });

  test("runs the Envoy that is tested, and a nats-server that has atomic batches", () => {
    const images = Object.values(services).flatMap(({ image }) => image ?? []);
    const ofEnvoy = images.filter((image) => image.startsWith("envoyproxy/"));
    expect(new Set(ofEnvoy)).toEqual(new Set([`envoyproxy/envoy:v${envoyVersion}`]));
    const [, minor] = /^nats:2\.(\d+)/.exec(services["nats-1"]?.image ?? "") ?? [];
    expect(Number(minor)).toBeGreaterThanOrEqual(12);
  });

  test("publishes documents that are valid together", () => {
    const [, main = "", ...args] = services.publish?.command ?? [];
    const files = args.slice(1);
    const result = spawnSync(process.execPath, [main, "validate", ...files], { cwd: projectFolder, encoding: "utf8" });
    expect(result.stdout + result.stderr).toMatch(/^\d+ documents, no problem\.$/m);
  });

  test("copies only what exists into the image, and runs it as a user without rights", () => {
    const copied = [...copiedFolders("build"), ...copiedFolders()];
    for (const folder of copied) expect(existsSync(join(projectFolder, folder)), folder).toBe(true);
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
    const defaults = { resolver: 7070, "xds-server": 18_001, digits: 0 };
    for (const [name, service] of Object.entries(services)) {
      const [, program] = /^(resolver|xds-server|digits)-\w+$/.exec(name) ?? [];
      if (program) {
        const port = service.environment?.MODEL_SERVER_HTTP_PORT ?? defaults[program as keyof typeof defaults];
        expect(service.environment?.HEALTH_URL, name).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${port}/`));
      } else if (name !== "publish") {
        expect(service.healthcheck?.test.length, name).toBeGreaterThan(0);
      }
    }
    const checkOfFront = services.front?.healthcheck?.test.join(" ") ?? "";
    expect(checkOfFront).toContain("/127.0.0.1/9900 ");
    expect(readFileSync(join(projectFolder, "envoy/front.yaml"), "utf8")).toContain("port_value: 9900");
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

describe("docker-compose.tls.yml", () => {
  const read = (file: string) =>
    (parse(readFileSync(join(projectFolder, file), "utf8"), { merge: true }) as { services: Record<string, Service> })
      .services;
  const added = read("docker-compose.tls.yml");

  test("is about services of docker-compose.yml, all of those that speak xDS", () => {
    const speakXds = Object.keys(read("docker-compose.yml")).filter((name) => /^(xds-server|envoy)-\d$/.test(name));
    expect(Object.keys(added).sort()).toEqual(speakXds.sort());
  });

  test("sets what the xds-server and Envoy's entry point read, to files that docs/xds.md makes", () => {
    const readBy = {
      xds: readFileSync(join(projectFolder, "xds-server/config.ts"), "utf8"),
      envoy: readFileSync(join(projectFolder, "envoy/entrypoint.sh"), "utf8"),
    };
    const documentation = readFileSync(join(projectFolder, "docs/xds.md"), "utf8");
    for (const [name, { environment = {}, volumes }] of Object.entries(added)) {
      expect(volumes).toEqual(["./certs:/certs:ro"]);
      for (const [variable, value] of Object.entries(environment)) {
        expect(name.startsWith("xds-server") ? readBy.xds : readBy.envoy, name).toContain(variable);
        if (value.startsWith("/")) expect(documentation).toContain(value.slice(1));
      }
    }
  });

  test.skipIf(!compose)("is taken by docker-compose", () => {
    const [program = "", ...args] = compose ?? [];
    const files = ["-f", "docker-compose.yml", "-f", "docker-compose.tls.yml"];
    const result = spawnSync(program, [...args, ...files, "config"], { cwd: projectFolder, encoding: "utf8" });
    expect([result.status, result.stdout]).toEqual([0, expect.stringContaining("XDS_TLS_CLIENT_CA_FILE")]);
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

function copiedFolders(stage: "build" | "last" = "last"): string[] {
  const [, build = "", last = ""] = readFileSync(join(projectFolder, "Dockerfile"), "utf8").split(/^FROM /m);
  const copies = [...(stage === "build" ? build : last).matchAll(/^COPY (?!--from)(.+) \S+$/gm)];
  return copies.flatMap((match) => (match[1] ?? "").split(" "));
}

/** What a file imports when it runs; types are stripped. */
function importsOf(path: string): string[] {
  const source = readFileSync(path, "utf8");
  const imports = source.matchAll(/(?:^|\n)(?:import|export)\s+(?!type\b)(?:[^;"']*?\sfrom\s+)?["']([^"']+)["']/g);
  const lazy = source.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g);
  return [...imports, ...lazy].map((match) => match[1] ?? "");
}

/** `@scope/name/file.js` is of the package `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
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
