import { defineConfig } from "vitest/config";

const notOurs = ["**/node_modules/**", ".signalbox/**"];

/** Of all property tests of this run. Set `PROPERTY_SEED` to run the same cases again. */
const seed = process.env.PROPERTY_SEED ?? String(Math.floor(Math.random() * 2 ** 31));
console.log(`PROPERTY_SEED=${seed}`);
const seeded = { env: { PROPERTY_SEED: seed }, setupFiles: ["test/support/property-seed.ts"] };

/**
 * Three projects: `unit` (beside the code, no I/O, seconds), `integration` (test/, with the real parts) and `mlserver`
 * (test/mlserver/, with MLServer, which is large: `npm run test:mlserver` installs it).
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...seeded,
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...notOurs, "test/**"],
          // They take milliseconds; a machine that is busy with other things may take long for those of millions of cases.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          ...seeded,
          name: "integration",
          include: ["test/**/*.test.ts"],
          exclude: [...notOurs, "test/mlserver/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "mlserver",
          include: ["test/mlserver/**/*.test.ts"],
          exclude: notOurs,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
