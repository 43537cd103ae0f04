import { defineConfig } from "vitest/config";

const notOurs = ["**/node_modules/**", ".signalbox/**"];

/**
 * Three projects: `unit` (beside the code, no I/O, seconds), `integration` (test/, with the real parts) and `mlserver`
 * (test/mlserver/, with MLServer, which is large: `npm run test:mlserver` installs it).
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...notOurs, "test/**"],
          // They take milliseconds; a machine that is busy with other things may take long for those of millions of cases.
          testTimeout: 30_000,
        },
      },
      {
        test: {
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
