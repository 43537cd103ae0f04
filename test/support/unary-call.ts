import { type Client, Metadata, type MethodDefinition } from "@grpc/grpc-js";

/** Methods of a service by name, as @grpc/proto-loader and the generated services give them. */
export type Methods = Readonly<Record<string, MethodDefinition<object, object>>>;

/** Calls a unary method; rejects with grpc-js' ServiceError. */
export function callUnary(
  client: Client,
  methods: Methods,
  name: string,
  message: object,
  headers: Readonly<Record<string, string>>,
): Promise<object> {
  const method = methods[name];
  if (!method) throw new Error(`no method ${name} among ${Object.keys(methods).join(", ")}`);
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      message,
      metadata,
      (error, answer) => (error ? reject(error) : resolve(answer ?? {})),
    );
  });
}
