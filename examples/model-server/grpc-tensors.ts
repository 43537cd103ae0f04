import { InferError, type InferRequest, type InferResponse, inferRequest } from "./infer.ts";

/** `inference.ModelInferRequest` as @grpc/proto-loader gives it (keepCase, longs as numbers, defaults filled in). */
export type GrpcInferRequest = {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly inputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: readonly number[];
    readonly contents: Readonly<Record<string, readonly number[]>> | null;
  }[];
  readonly outputs: readonly { readonly name: string }[];
  readonly parameters: Readonly<Record<string, GrpcParameter>>;
  readonly raw_input_contents: readonly Buffer[];
};

/** `inference.InferParameter`: one of them is set, the others have their defaults. */
type GrpcParameter = {
  readonly parameter_choice?: "bool_param" | "int64_param" | "string_param";
  readonly bool_param?: boolean;
  readonly int64_param?: number;
  readonly string_param?: string;
};

/** Which list of `InferTensorContents` holds a datatype, and how one of its numbers is read from raw bytes. */
const encodings: Readonly<Record<string, { contents: string; bytes: number; read(from: Buffer, at: number): number }>> =
  {
    INT8: { contents: "int_contents", bytes: 1, read: (from, at) => from.readInt8(at) },
    INT16: { contents: "int_contents", bytes: 2, read: (from, at) => from.readInt16LE(at) },
    INT32: { contents: "int_contents", bytes: 4, read: (from, at) => from.readInt32LE(at) },
    INT64: { contents: "int64_contents", bytes: 8, read: (from, at) => Number(from.readBigInt64LE(at)) },
    UINT8: { contents: "uint_contents", bytes: 1, read: (from, at) => from.readUInt8(at) },
    UINT16: { contents: "uint_contents", bytes: 2, read: (from, at) => from.readUInt16LE(at) },
    UINT32: { contents: "uint_contents", bytes: 4, read: (from, at) => from.readUInt32LE(at) },
    UINT64: { contents: "uint64_contents", bytes: 8, read: (from, at) => Number(from.readBigUInt64LE(at)) },
    FP32: { contents: "fp32_contents", bytes: 4, read: (from, at) => from.readFloatLE(at) },
    FP64: { contents: "fp64_contents", bytes: 8, read: (from, at) => from.readDoubleLE(at) },
  };

/** The same request as the REST body would have been. Throws an InferError for a tensor that cannot be read. */
export function fromGrpc(message: GrpcInferRequest): InferRequest {
  const parsed = inferRequest.safeParse({
    ...(message.id && { id: message.id }),
    inputs: message.inputs.map(({ name, datatype, shape, contents }, index) => ({
      name,
      datatype,
      shape,
      data: readNumbers(datatype, contents, message.raw_input_contents[index]),
    })),
    ...(message.outputs.length > 0 && { outputs: message.outputs }),
    parameters: Object.fromEntries(
      Object.entries(message.parameters).map(([name, value]) => [
        name,
        value[value.parameter_choice ?? "string_param"],
      ]),
    ),
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InferError(400, `${issue?.path.join(".")}: ${issue?.message}`);
}

/** `inference.ModelInferResponse` from what the REST answer would have been. */
export function toGrpc(response: InferResponse): object {
  return {
    ...response,
    ...(response.parameters && { parameters: { unsure: { int64_param: response.parameters.unsure } } }),
    outputs: response.outputs.map(({ name, datatype, shape, data }) => ({
      name,
      datatype,
      shape,
      contents: { [datatype === "INT64" ? "int64_contents" : "fp64_contents"]: data },
    })),
  };
}

function readNumbers(
  datatype: string,
  contents: Readonly<Record<string, readonly number[]>> | null,
  raw: Buffer | undefined,
): readonly number[] {
  const encoding = encodings[datatype];
  if (!encoding) return [];
  if (!raw) return contents?.[encoding.contents] ?? [];
  if (raw.length % encoding.bytes !== 0) {
    throw new InferError(
      400,
      `raw_input_contents has ${raw.length} bytes, no multiple of the ${encoding.bytes} of ${datatype}`,
    );
  }
  return Array.from({ length: raw.length / encoding.bytes }, (_, index) => encoding.read(raw, index * encoding.bytes));
}
