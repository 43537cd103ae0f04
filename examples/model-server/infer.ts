import { z } from "zod";
import { type Classification, classes, classify, type DigitsWeights, pixelsPerDigit } from "./digits.ts";

/** A request that the Open Inference Protocol, or this model, does not allow. */
export class InferError extends Error {
  readonly status: 400 | 404;

  constructor(status: 400 | 404, message: string) {
    super(message);
    this.name = "InferError";
    this.status = status;
  }
}

const datatypes = ["FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"] as const;

const numbers = z.array(z.number());

/** The body of `POST /v2/models/digits/infer`; the tensor may be flat or one list for each row. */
export const inferRequest = z.object({
  id: z.string().optional(),
  inputs: z
    .array(
      z.object({
        name: z.string(),
        shape: z.array(z.int().min(0)),
        datatype: z.enum(datatypes),
        data: z.union([numbers, z.array(numbers)], { error: "must be numbers, or one list of numbers for each row" }),
      }),
    )
    .length(1, "must hold the one tensor that the model takes, called pixels"),
  outputs: z.array(z.object({ name: z.string() })).optional(),
  parameters: z
    .looseObject({
      /** From 0 to 1, as a number or its text: answers with a lower probability are counted as unsure. */
      leastConfidence: z.coerce.number().min(0).max(1).optional(),
    })
    .optional(),
});

export type InferRequest = z.output<typeof inferRequest>;

export type OutputTensor = {
  readonly name: "predict" | "predict_proba";
  readonly datatype: "INT64" | "FP64";
  readonly shape: readonly number[];
  readonly data: readonly number[];
};

export type InferResponse = {
  readonly model_name: string;
  readonly model_version: string;
  readonly id?: string;
  readonly outputs: readonly OutputTensor[];
  /** Only when the request has a `leastConfidence`. */
  readonly parameters?: { readonly unsure: number };
};

/** The tensors of the model, as its metadata names them; -1 is any number of rows. The names are those of MLServer. */
export const tensors = {
  inputs: [{ name: "pixels", datatype: "FP64", shape: [-1, pixelsPerDigit] }],
  outputs: [
    { name: "predict", datatype: "INT64", shape: [-1, 1] },
    { name: "predict_proba", datatype: "FP64", shape: [-1, classes] },
  ],
} as const;

/** Parses a JSON body. Throws an {@link InferError} that names every wrong field. */
export function parseInferRequest(body: string): InferRequest {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new InferError(400, `the body is no JSON: ${(error as Error).message}`);
  }
  const parsed = inferRequest.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.join(".") || "the body"}: ${issue.message.toLowerCase()}`,
  );
  throw new InferError(400, `not an inference request of the Open Inference Protocol: ${problems.join("; ")}`);
}

/** The rows of pixels in a request. Throws an {@link InferError} when the tensor is not the one the model takes. */
export function readRows(request: InferRequest): number[][] {
  const tensor = request.inputs[0];
  if (tensor?.name !== "pixels") {
    throw new InferError(400, `unknown input "${tensor?.name}": the model takes one tensor called "pixels"`);
  }
  const [rows = 0, columns, ...more] = tensor.shape;
  if (columns !== pixelsPerDigit || more.length > 0) {
    throw new InferError(400, `the shape is [${tensor.shape.join(", ")}]: the model takes [rows, ${pixelsPerDigit}]`);
  }
  const flat = tensor.data.flat();
  if (flat.length !== rows * pixelsPerDigit) {
    throw new InferError(
      400,
      `the shape [${tensor.shape.join(", ")}] needs ${rows * pixelsPerDigit} numbers, the data has ${flat.length}`,
    );
  }
  return Array.from({ length: rows }, (_, row) => flat.slice(row * pixelsPerDigit, (row + 1) * pixelsPerDigit));
}

/** Answers for the given rows with the outputs that were asked for; all of them when none were. */
export function infer(weights: DigitsWeights, request: InferRequest, rows: readonly number[][]): InferResponse {
  const wanted = request.outputs?.map((output) => output.name) ?? tensors.outputs.map((output) => output.name);
  const unknown = wanted.find((name) => !tensors.outputs.some((output) => output.name === name));
  if (unknown !== undefined) {
    throw new InferError(400, `unknown output "${unknown}": the model has predict and predict_proba`);
  }
  const results = rows.map((row) => classify(weights, row));
  const leastConfidence = request.parameters?.leastConfidence;
  const outputs: readonly OutputTensor[] = [
    { name: "predict", datatype: "INT64", shape: [rows.length, 1], data: results.map(({ digit }) => digit) },
    {
      name: "predict_proba",
      datatype: "FP64",
      shape: [rows.length, classes],
      data: results.flatMap(({ probabilities }) => probabilities.map(readable)),
    },
  ];
  return {
    model_name: weights.model,
    model_version: weights.version,
    ...(request.id !== undefined && { id: request.id }),
    outputs: outputs.filter((output) => wanted.includes(output.name)),
    ...(leastConfidence !== undefined && { parameters: { unsure: countUnsure(results, leastConfidence) } }),
  };
}

function countUnsure(results: readonly Classification[], leastConfidence: number): number {
  return results.filter(({ probabilities }) => Math.max(...probabilities) < leastConfidence).length;
}

/** Six decimals: people read these answers. */
function readable(probability: number): number {
  return Math.round(probability * 1e6) / 1e6;
}
