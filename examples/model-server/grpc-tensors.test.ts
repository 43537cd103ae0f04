import { describe, expect, test } from "vitest";
import { fromGrpc, type GrpcInferRequest, toGrpc } from "./grpc-tensors.ts";

const message = (
  datatype: string,
  contents: Record<string, number[]> | null,
  raw: Buffer[] = [],
): GrpcInferRequest => ({
  model_name: "digits",
  model_version: "",
  id: "",
  inputs: [{ name: "pixels", datatype, shape: [1, 2], contents }],
  outputs: [],
  parameters: {},
  raw_input_contents: raw,
});
const dataOf = (request: GrpcInferRequest) => fromGrpc(request).inputs[0]?.data;

describe("a tensor of the gRPC protocol", () => {
  test.each([
    ["FP64", "fp64_contents"],
    ["FP32", "fp32_contents"],
    ["INT8", "int_contents"],
    ["INT64", "int64_contents"],
    ["UINT16", "uint_contents"],
    ["UINT64", "uint64_contents"],
  ])("of %s is read from %s", (datatype, list) => {
    expect(dataOf(message(datatype, { [list]: [3, 4] }))).toEqual([3, 4]);
  });

  test.each([
    ["INT8", Int8Array.of(-1, 2)],
    ["INT16", Int16Array.of(-1, 2)],
    ["INT32", Int32Array.of(-1, 2)],
    ["UINT8", Uint8Array.of(1, 2)],
    ["UINT16", Uint16Array.of(1, 2)],
    ["UINT32", Uint32Array.of(1, 2)],
    ["FP32", Float32Array.of(0.5, 2)],
    ["FP64", Float64Array.of(0.1, 2)],
    ["INT64", BigInt64Array.of(-1n, 2n)],
    ["UINT64", BigUint64Array.of(1n, 2n)],
  ])("of %s is read from raw bytes, little-endian", (datatype, values) => {
    const raw = Buffer.from(values.buffer);
    expect(dataOf(message(datatype, null, [raw]))).toEqual([...values].map(Number));
  });

  test("is refused when its bytes are no whole numbers, or its datatype is none the model takes", () => {
    expect(() => fromGrpc(message("FP64", null, [Buffer.alloc(7)]))).toThrow("7 bytes, no multiple of the 8 of FP64");
    expect(() => fromGrpc(message("BYTES", null))).toThrow("inputs.0.datatype");
    expect(() => fromGrpc(message("FP64", { fp64_contents: [Number.NaN] }))).toThrow("inputs.0.data");
  });

  test("is written into the list of its datatype", () => {
    const outputs = [{ name: "predict", datatype: "INT64", shape: [1, 1], data: [4] }] as const;
    expect(toGrpc({ model_name: "digits", model_version: "8", outputs })).toMatchObject({
      outputs: [{ name: "predict", shape: [1, 1], contents: { int64_contents: [4] } }],
    });
  });

  test("comes with parameters of three types, and is answered with one", () => {
    const parameters = { leastConfidence: { parameter_choice: "string_param", string_param: "0.9" } } as const;
    const request = fromGrpc({ ...message("FP64", { fp64_contents: [1, 2] }), parameters });
    expect(request.parameters).toEqual({ leastConfidence: 0.9 });
    expect(toGrpc({ model_name: "digits", model_version: "8", outputs: [], parameters: { unsure: 3 } })).toMatchObject({
      parameters: { unsure: { int64_param: 3 } },
    });
  });
});
