import { envoyBinary, envoyVersion } from "../../setup/paths.js";
import { hasContainerEngine } from "./containers.ts";

/** The Envoy that the project runs, and the oldest one that it supports. */
export const envoyVersions = [envoyVersion, "1.36.4"] as const;

/** Why tests with that Envoy are skipped on this machine; null when they are not. */
export function missingEnvoyReason(version: string): string | null {
  if (hasContainerEngine || process.env.CI || envoyBinary(version)) return null;
  return `Envoy ${version} is not installed: run \`npm run setup -- --envoy ${version}\``;
}

/** Each Envoy over each variant of ADS, with the reason to skip it; reasons are printed. */
export function envoysOverAds() {
  const reasons = new Map(envoyVersions.map((version) => [version, missingEnvoyReason(version)]));
  for (const reason of reasons.values()) if (reason) console.warn(reason);
  return envoyVersions.flatMap((version) =>
    (["DELTA_GRPC", "GRPC"] as const).map((apiType) => ({ version, apiType, reason: reasons.get(version) ?? null })),
  );
}
