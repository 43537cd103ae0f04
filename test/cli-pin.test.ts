import { describe, expect, test } from "vitest";
import { signalbox } from "./support/command-line.ts";
import { natsForFile } from "./support/nats.ts";
import { createTenant } from "./support/tenant.ts";

const nats = natsForFile();

type Tenant = ReturnType<typeof createTenant>;

const serving = ({ objective }: Tenant, version: string) => objective({ default: { model: "ranker", version } });

/** The version that is live by default, as every consumer settles it. */
const liveVersion = async ({ run }: Tenant): Promise<string> => {
  const at = await run(`get objective ranking --at ${new Date(Date.now() + 60_000).toISOString()} -o json`);
  return JSON.parse(at.stdout).spec.default.version;
};

describe("pin and unpin", () => {
  test("hold an objective as it is live, and let what was published meanwhile go live", async () => {
    const tenant = createTenant(nats.url);
    await tenant.publishAll();
    const pinned = await tenant.run("pin objective ranking --reason sale");
    expect(pinned).toMatchObject({ code: 0, stderr: "" });
    expect(pinned.stdout).toContain(`Pin ${tenant.namespace}/ranking created`);
    expect(JSON.parse((await tenant.run("get pins -o json")).stdout)).toMatchObject([
      { spec: { objectives: ["ranking"], reason: "sale" } },
    ]);
    const plan = await signalbox(["plan", "-f", "-"], {
      input: serving(tenant, "8"),
      environment: { NATS_URL: nats.url },
    });
    expect(plan.stdout).toMatch(/It would be stored, and wait:[\s\S]*ranking +is held by Pin .* \(sale\)/);
    expect((await tenant.apply(serving(tenant, "8"))).code).toBe(0);
    expect(await liveVersion(tenant)).toBe("7");
    const again = await tenant.run("pin objective ranking");
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("is pinned already") });
    const deleted = await tenant.run("delete objective ranking --yes-delete 1");
    expect(deleted).toMatchObject({ code: 1, stderr: expect.stringContaining("Pin") });

    expect(await tenant.run("unpin objective ranking")).toMatchObject({ code: 0, stderr: "" });
    expect(await liveVersion(tenant)).toBe("8");
    const none = await tenant.run("unpin objective ranking");
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("is not pinned") });
  });

  test("go back to an earlier revision of an objective in the same change", async () => {
    const tenant = createTenant(nats.url);
    await tenant.publishAll();
    const first = await tenant.revisionOf("objective", "ranking");
    await tenant.apply(serving(tenant, "8"));
    const missing = await tenant.run("pin objective ranking --to 999999");
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("has no revision 999999") });
    const pinned = await tenant.run(`pin objective ranking --to ${first}`);
    expect(pinned.stdout).toMatch(/Objective .* updated, revision \d+\nPin .* created, revision \d+\n/);
    expect(await liveVersion(tenant)).toBe("7");
    await tenant.apply(serving(tenant, "8"));
    expect(await liveVersion(tenant)).toBe("7");
  });

  test("name a group at the revision of the store, and leave another pin of the same name alone", async () => {
    const tenant = createTenant(nats.url);
    await tenant.publishAll();
    await tenant.run("pin group ranking");
    const both = await tenant.run("pin objective ranking");
    expect(both.stdout).toContain(`Pin ${tenant.namespace}/ranking-2 created`);
    const pins = JSON.parse((await tenant.run("get pins -o json")).stdout);
    expect(pins).toMatchObject([
      { spec: { groups: ["ranking"], revision: expect.any(Number) } },
      { spec: { objectives: ["ranking"] } },
    ]);
    expect(await tenant.run("unpin group ranking")).toMatchObject({ code: 0 });
    expect(JSON.parse((await tenant.run("get pins -o json")).stdout)).toHaveLength(1);
  });

  test("refuse what cannot be held", async () => {
    const tenant = createTenant(nats.url);
    for (const [line, message] of [
      ["pin model ranker", "objective and group can"],
      ["pin group Not_A_Name", "no name of a group"],
      ["pin group eu --to 3", "--to"],
      ["pin objective ranking --objective x", "--objective belongs"],
      ["pin objective ranking --to x", "give a revision"],
    ] as const)
      expect(await tenant.run(line)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
    const missing = await tenant.run("pin objective nowhere");
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('no objective "nowhere"') });
  });

  test("show in the help of the command line", async () => {
    const { stdout } = await signalbox(["--help"]);
    for (const command of ["pin <what> <name>", "unpin <what> <name>", "plan", "simulate"])
      expect(stdout).toContain(`signalbox ${command}`);
  });
});
