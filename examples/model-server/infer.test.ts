import { describe, expect, test } from "vitest";
import version8 from "../quickstart/digits-8.weights.json" with { type: "json" };
import request from "../quickstart/request.json" with { type: "json" };
import { digitsWeights } from "./digits.ts";
import { InferError, infer, parseInferRequest, readRows } from "./infer.ts";

const weights = digitsWeights.parse(version8);
const pixels = request.inputs[0]?.data ?? [];
const body = (tensor: object, more: object = {}) =>
  JSON.stringify({ inputs: [{ ...request.inputs[0], ...tensor }], ...more });

describe("an inference request", () => {
  test("is answered with the digit and its probabilities, under the id it came with", () => {
    const parsed = parseInferRequest(JSON.stringify(request));
    const answer = infer(weights, parsed, readRows(parsed));
    expect(answer).toMatchObject({ model_name: "digits", model_version: "8", id: request.id });
    expect(answer.outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape }))).toEqual([
      { name: "predict", datatype: "INT64", shape: [1, 1] },
      { name: "predict_proba", datatype: "FP64", shape: [1, 10] },
    ]);
    expect(answer.outputs[0]?.data).toEqual([4]);
    expect(answer.outputs[1]?.data[4]).toBeGreaterThan(0.5);
  });

  test("may hold several rows, flat or one list for each", () => {
    const flat = parseInferRequest(body({ shape: [2, 64], data: [...pixels, ...pixels] }));
    const nested = parseInferRequest(body({ shape: [2, 64], data: [pixels, pixels] }));
    expect(readRows(flat)).toEqual([pixels, pixels]);
    expect(readRows(nested)).toEqual([pixels, pixels]);
    expect(infer(weights, flat, readRows(flat)).outputs[0]?.data).toEqual([4, 4]);
  });

  test("may hold no row at all", () => {
    const parsed = parseInferRequest(body({ shape: [0, 64], data: [] }));
    expect(infer(weights, parsed, readRows(parsed)).outputs[0]).toMatchObject({ shape: [0, 1], data: [] });
  });

  test("gets only the outputs that it asks for", () => {
    const parsed = parseInferRequest(body({}, { outputs: [{ name: "predict" }] }));
    expect(infer(weights, parsed, readRows(parsed)).outputs.map(({ name }) => name)).toEqual(["predict"]);
  });
});

test("answers below the leastConfidence that the ObjectiveConfig asks for are counted as unsure", () => {
  const confidence = (leastConfidence?: unknown) => {
    const blank = Array(64).fill(0);
    const text = body({ shape: [2, 64], data: [pixels, blank] }, { parameters: { leastConfidence, beam: 4 } });
    const parsed = parseInferRequest(text);
    return infer(weights, parsed, readRows(parsed)).parameters;
  };
  expect(confidence(0.95)).toEqual({ unsure: 1 });
  expect(confidence("0.95")).toEqual({ unsure: 1 });
  expect(confidence(0)).toEqual({ unsure: 0 });
  expect(confidence()).toBeUndefined();
  expect(() => confidence(95)).toThrow("parameters.leastConfidence");
});

describe("a request that cannot be answered is refused with what is wrong", () => {
  test.each([
    ["no JSON", "{", /no JSON/],
    ["no object", "7", /expected object/],
    ["no input", '{"inputs":[]}', /the one tensor that the model takes/],
    ["two inputs", JSON.stringify({ inputs: [request.inputs[0], request.inputs[0]] }), /the one tensor/],
    ["another tensor", body({ name: "x" }), /unknown input "x"/],
    ["another shape", body({ shape: [1, 8, 8] }), /\[1, 8, 8\]: the model takes \[rows, 64\]/],
    ["too few numbers", body({ data: [1, 2] }), /needs 64 numbers, the data has 2/],
    ["words instead of numbers", body({ data: ["a"] }), /inputs\.0\.data: must be numbers/],
    ["another datatype", body({ datatype: "BYTES" }), /inputs\.0\.datatype/],
    ["lists in lists in lists", body({ data: [[[1]]] }), /must be numbers, or one list/],
  ])("%s", (_, text, message) => {
    const attempt = () => readRows(parseInferRequest(text));
    expect(attempt).toThrow(InferError);
    expect(attempt).toThrow(message);
  });

  test("an unknown output", () => {
    const parsed = parseInferRequest(body({}, { outputs: [{ name: "mood" }] }));
    expect(() => infer(weights, parsed, readRows(parsed))).toThrow('unknown output "mood"');
  });
});
