import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { kinds } from "../config/documents/document.ts";
import { connectStore } from "../config/store/document-store.ts";
import { projectFolder } from "../setup/paths.js";
import { runProgram, signalbox } from "./support/command-line.ts";
import { natsForFile } from "./support/nats.ts";
import { freePort } from "./support/ports.ts";
import { temporaryFolder } from "./support/processes.ts";
import { createTenant } from "./support/tenant.ts";

const nats = natsForFile();

describe("the command line", () => {
  test("ends with 2 before it connects, when a name, a kind, a time or a revision cannot be one", async () => {
    const environment = { NATS_URL: `nats://127.0.0.1:${await freePort()}` };
    const lines = [
      ["get objective *", "is no name"],
      ["get objectives -n *", "is no namespace"],
      ["delete shard a/b/c", "is no name"],
      ["history objectiv x", "Did you mean objective?"],
      ["get objectives --at yesterday", "2026-11-21T03:00:00Z"],
      ["rollback shard x --to abc", "a whole number"],
      ["infer x -d @/no/such/file", "cannot be read (ENOENT)"],
      ["resolve x -c country", "give key=value"],
    ] as const;
    for (const [line, message] of lines) {
      const outcome = await signalbox(line.split(" "), { environment });
      expect(outcome, line).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
    }
  });

  test("ends with 3 and the remedy when NATS, the resolver or Envoy is away", async () => {
    const port = await freePort();
    const environment = { NATS_URL: `nats://127.0.0.1:${port}`, RESOLVER_URL: `http://127.0.0.1:${port}` };
    for (const line of ["get objectives", "status", "delete shard x", "apply -f examples/quickstart"]) {
      const outcome = await signalbox(line.split(" "), { environment });
      expect(outcome, line).toMatchObject({ code: 3, stdout: "" });
      expect(outcome.stderr).toContain(`127.0.0.1:${port}`);
      expect(outcome.stderr).toContain("NATS_URL");
    }
    const resolve = await signalbox(["resolve", "x"], { environment });
    expect(resolve).toMatchObject({ code: 3, stderr: expect.stringContaining("set RESOLVER_URL") });
  });

  test("tells status without any process, in all three outputs", async () => {
    const environment = { NATS_URL: nats.url, ENVOY_ADMIN_URLS: `http://127.0.0.1:${await freePort()}` };
    const table = await signalbox(["status"], { environment });
    expect(table).toMatchObject({ code: 0, stderr: "" });
    expect(table.stdout).toContain("No resolver and no xds-server is alive.");
    expect(table.stdout).toContain("no admin page of an Envoy answers at");
    const json = JSON.parse((await signalbox(["status", "-o", "json"], { environment })).stdout);
    expect(json).toMatchObject({ processes: [], overrides: [], unreachable: [environment.ENVOY_ADMIN_URLS] });
    expect(parse((await signalbox(["status", "-o", "yaml"], { environment })).stdout)).toMatchObject({ processes: [] });
  });

  test("tells something that is no resolver from one", async () => {
    const server = createServer((socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    server.listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const outcome = await signalbox(["resolve", "x"], { environment: { RESOLVER_URL: `http://127.0.0.1:${port}` } });
    expect(outcome).toMatchObject({ code: 3, stderr: expect.stringContaining("is no resolver: set RESOLVER_URL") });
  });

  test("reads another bucket when told to", async () => {
    const { namespace, publishAll, run } = createTenant(nats.url);
    await publishAll();
    const environment = { NATS_URL: nats.url, SIGNALBOX_BUCKET: "elsewhere" };
    expect((await signalbox(["get", "all", "-n", namespace, "-o", "json"], { environment })).stdout.trim()).toBe("[]");
    expect((await run("get all -o json")).stdout.trim()).not.toBe("[]");
    const store = await connectStore({ servers: nats.url, bucket: "elsewhere" });
    expect(await store.list()).toEqual([]);
    await store.close();
  });

  test("does not mind a reader that leaves early", async () => {
    const { namespace, publishAll } = createTenant(nats.url);
    await publishAll();
    const line = `"${process.execPath}" cli/main.ts get all -n ${namespace} -o json | head -c 1`;
    const outcome = await runProgram("sh", ["-c", line], { environment: { NATS_URL: nats.url } });
    expect(outcome).toEqual({ code: 0, stdout: "[", stderr: "" });
  });

  test("gives up waiting for its input at Ctrl-C, and changes nothing", async () => {
    const child = spawn(process.execPath, [join(projectFolder, "cli/main.ts"), "apply", "-f", "-"], {
      env: { ...process.env, NATS_URL: nats.url },
    });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk));
    const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
    child.stdin.on("error", () => undefined);
    // More than a pipe holds: when all is written, the command is reading.
    await new Promise((resolve) => child.stdin.write("#".repeat(2 ** 20), resolve));
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(stderr).toBe("Interrupted.\n");
  });

  test("colours nothing that is no terminal, a terminal's output, and none of it with NO_COLOR", async () => {
    const { apply, shard, namespace } = createTenant(nats.url);
    const file = join(temporaryFolder(), "shard.json");
    writeFileSync(file, shard());
    expect((await apply(shard())).stdout).not.toContain("\u001b");
    const onTerminal = (environment: Record<string, string>) =>
      runProgram("script", ["-qec", `"${process.execPath}" cli/main.ts apply -f ${file}`, "/dev/null"], {
        environment: { NATS_URL: nats.url, TERM: "xterm", ...environment },
      });
    expect((await onTerminal({})).stdout).toContain(`\u001b[2mShard ${namespace}/pool unchanged`);
    expect((await onTerminal({ NO_COLOR: "1" })).stdout).toContain(`Shard ${namespace}/pool unchanged`);
    expect((await onTerminal({ NO_COLOR: "1" })).stdout).not.toContain("\u001b[2m");
  });

  test("runs through plain node and through npx, with the same exit codes", async () => {
    const { namespace } = createTenant(nats.url);
    const environment = { NATS_URL: nats.url };
    for (const [program, args] of [
      ["node", ["cli/signalbox.js"]],
      ["npx", ["signalbox"]],
    ] as const) {
      expect(
        await runProgram(program, [...args, "get", "shards", "-n", namespace, "-o", "json"], { environment }),
      ).toMatchObject({ code: 0, stdout: "[]\n" });
      expect(await runProgram(program, [...args, "get", "shard", "none"], { environment })).toMatchObject({ code: 1 });
    }
  });

  test("completes kinds and flags in bash, with the script that it prints", async () => {
    const script = await signalbox(["completion", "bash"]);
    const completed = async (...words: string[]) => {
      const body = [
        `signalbox() { "${process.execPath}" "${projectFolder}/cli/main.ts" "$@"; }`,
        script.stdout,
        `COMP_WORDS=(signalbox ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}`,
        `_signalbox; IFS=,; echo "\${COMPREPLY[*]}"`,
      ];
      return (await runProgram("bash", ["-c", body.join("\n")])).stdout.trim().split(",");
    };
    expect(await completed("get", "")).toEqual([...kinds.map((kind) => kind.toLowerCase()), "all"]);
    expect(await completed("history", "objective", "x", "--ou")).toEqual(["--output"]);
    expect(await completed("history", "objective", "x", "--output", "")).toEqual(["table", "json", "yaml"]);
    expect((await signalbox(["completion"], { environment: { SHELL: "/bin/zsh" } })).stdout).toContain(
      "compdef _signalbox signalbox",
    );
  });
});
