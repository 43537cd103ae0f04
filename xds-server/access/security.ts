import { messageOf, SignalboxError } from "../../service/errors.ts";
import { type ServerTls, watchServerTls } from "../../service/grpc-tls.ts";
import type { Logger } from "../../service/logger.ts";
import { readFiles, type Watched, watchFiles } from "../../service/watched-files.ts";
import type { XdsServerConfig } from "../config.ts";
import { noSecrets, type Secrets, watchSecretFolder } from "../secrets/secret-folder.ts";
import { type AccessPolicy, parseAccessPolicy } from "./access-policy.ts";

/** Who may connect, what they may read, and the secrets that they are given; from files that are read again when they change. */
export type Security = {
  /** Undefined without TLS. */
  readonly tls: ServerTls | undefined;
  /** Undefined when every client that gets through may read everything. */
  readonly policy: () => AccessPolicy | undefined;
  /** Calls `listener` after each change of the policy. */
  onPolicyChange(listener: () => void): void;
  /** What Envoys are given for their connections to the shards. */
  readonly secrets: Secrets;
  /** Sets of files that changed and cannot be used; their last good content is. */
  failing(): number;
  stop(): void;
};

/** Reads the files that the configuration names; throws `cannot_start` when one cannot be used. */
export async function watchSecurity(config: XdsServerConfig, logger: Logger): Promise<Security> {
  const failing = new Set<string>();
  const listeners: (() => void)[] = [];
  const tls = await orCannotStart("XDS_TLS_*_FILE", () => watchTls(config, logger, failing));
  const policy = await orCannotStart("XDS_IDENTITIES_FILE", () =>
    watchPolicy(config.XDS_IDENTITIES_FILE, logger, failing, () => {
      for (const listener of listeners) listener();
    }),
  );
  const { XDS_SDS_FOLDER: folder } = config;
  const secrets =
    folder === undefined ? noSecrets : await orCannotStart("XDS_SDS_FOLDER", () => watchSecretFolder(folder, logger));
  return {
    tls,
    secrets,
    policy: () => policy?.current(),
    onPolicyChange: (listener) => void listeners.push(listener),
    failing: () => failing.size + secrets.failing(),
    stop: () => {
      tls?.stop();
      policy?.stop();
      secrets.stop();
    },
  };
}

async function watchTls(config: XdsServerConfig, logger: Logger, failing: Set<string>): Promise<ServerTls | undefined> {
  const { XDS_TLS_CERT_FILE: certFile, XDS_TLS_KEY_FILE: keyFile, XDS_TLS_CLIENT_CA_FILE: clientCaFile } = config;
  if (certFile === undefined || keyFile === undefined) return undefined;
  return await watchServerTls(
    { certFile, keyFile, clientCaFile },
    {
      onReload: (expiresAt) => {
        logger.info({ certFile, expiresAt }, "TLS files changed; new connections use them");
      },
      onProblem: (problem) => {
        note(failing, "tls", problem);
        if (problem === null) logger.info({ certFile }, "the TLS files are good again");
        else logger.error({ certFile, reason: problem }, "the TLS files cannot be used; the last good ones stay");
      },
    },
  );
}

async function watchPolicy(
  file: string | undefined,
  logger: Logger,
  failing: Set<string>,
  onChange: () => void,
): Promise<Watched<AccessPolicy> | undefined> {
  if (file === undefined) return undefined;
  return await watchFiles({
    read: () => readFiles([file]),
    parse: (contents) => parseAccessPolicy(String(contents.get(file)), file),
    onChange: () => {
      logger.info({ file }, "the identities changed");
      onChange();
    },
    onProblem: (problem) => {
      note(failing, "identities", problem);
      if (problem === null) logger.info({ file }, "the identities file is good again");
      else logger.error({ file, reason: problem }, "the identities file cannot be used; the last good one stays");
    },
  });
}

function note(failing: Set<string>, what: string, problem: string | null): void {
  if (problem === null) failing.delete(what);
  else failing.add(what);
}

async function orCannotStart<T>(variable: string, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw new SignalboxError("cannot_start", `${variable}: ${messageOf(error)}`, { cause: error });
  }
}
