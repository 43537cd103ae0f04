import type { RequestHandler } from "express";
import { createOpenApi } from "./openapi.ts";

/** `GET /openapi.json`: the OpenAPI 3.1 document of the HTTP interface. */
export function getOpenApi(version: string): RequestHandler {
  const text = JSON.stringify(createOpenApi(version));
  return (_request, response) => {
    response.type("application/json").send(text);
  };
}
