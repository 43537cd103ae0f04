import { defineConfig } from "vitest/config";

const notOurs = ["**/node_modules/**", ".signalbox/**"];

/** Two projects: `unit` (beside the code, no I/O, seconds) and `integration` (test/, with the real parts). */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...notOurs, "test/**"],
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/**/*.test.ts"],
          exclude: notOurs,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
