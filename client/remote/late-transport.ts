import type { Transport } from "./transport.ts";

/** A transport whose code is loaded with its first call. */
export function createLateTransport(url: string, load: () => Promise<Transport>): Transport {
  let loading: Promise<Transport> | undefined;
  const loaded = () => {
    loading ??= load();
    return loading;
  };
  return {
    url,
    resolve: async (call, signal) => (await loaded()).resolve(call, signal),
    resolveMany: async (calls, signal) => (await loaded()).resolveMany(calls, signal),
    defaults: async (namespace, knownVersion, signal) => (await loaded()).defaults(namespace, knownVersion, signal),
    close: () =>
      void loading?.then(
        (transport) => transport.close(),
        () => undefined,
      ),
  };
}
