import { constants } from "node:crypto";
import type { SecureServerOptions } from "node:http2";
import type { SecureContextOptions } from "node:tls";
import { ServerCredentials } from "@grpc/grpc-js";
import { parseTls, type TlsFiles, type TlsMaterial, tlsPaths } from "./tls-files.ts";
import { readFiles, watchFiles } from "./watched-files.ts";

/** Server credentials that take new certificates for the connections to come; those that are open stay. */
class ReloadingCredentials extends ServerCredentials {
  constructor(material: TlsMaterial) {
    // Required of a server that knows authorities, also after a reload: these are options of the server itself.
    const isMutual = material.clientCa !== undefined;
    const options: SecureServerOptions = { requestCert: isMutual, rejectUnauthorized: isMutual };
    super(options, contextOf(material));
  }

  take(material: TlsMaterial): void {
    this.updateSecureContextOptions(contextOf(material));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ cert, key, clientCa }: TlsMaterial): SecureContextOptions {
  return {
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    // A resumed session would go by the certificate and the authorities of its first handshake.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

export type ServerTls = {
  readonly credentials: ServerCredentials;
  /** When the certificate in use expires. */
  expiresAt(): Date;
  stop(): void;
};

export type ServerTlsEvents = {
  /** New files are in use for the connections to come. */
  readonly onReload: (expiresAt: Date) => void;
  /** Why changed files cannot be used, once per cause; null when they can again. */
  readonly onProblem: (problem: string | null) => void;
};

/**
 * TLS for a gRPC server from PEM files, which are read again when they change. With authorities for clients, every client
 * needs a certificate of theirs. Throws at the start when the files cannot be used.
 */
export async function watchServerTls(
  files: TlsFiles,
  events: ServerTlsEvents,
  intervalMs?: number,
): Promise<ServerTls> {
  let credentials: ReloadingCredentials | undefined;
  const watched = await watchFiles({
    read: () => readFiles(tlsPaths(files)),
    parse: (contents) => parseTls(files, contents),
    onChange: (material) => {
      credentials?.take(material);
      events.onReload(material.expiresAt);
    },
    onProblem: events.onProblem,
    ...(intervalMs === undefined ? {} : { intervalMs }),
  });
  credentials = new ReloadingCredentials(watched.current());
  return { credentials, expiresAt: () => watched.current().expiresAt, stop: watched.stop };
}
