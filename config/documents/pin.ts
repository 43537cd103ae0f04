import { z } from "zod";
import { limits } from "../limits.ts";
import { apiVersion, metadata, milliseconds, name } from "./common.ts";
import { beyond, evenIfPartsAreBad, report, unique } from "./refinements.ts";

const groupList = z
  .array(name)
  .max(limits.groupsPerPin, beyond("groupsPerPin"))
  .superRefine(
    unique((each) => each, "group"),
    evenIfPartsAreBad,
  );

const stagedRollout = z
  .strictObject({
    stages: z
      .array(name)
      .min(1)
      .max(limits.groupsPerPin, beyond("groupsPerPin"))
      .superRefine(
        unique((each) => each, "group"),
        evenIfPartsAreBad,
      )
      .describe("Groups in the order in which they get the change; then all others."),
    stage: z.int().min(0).describe("The stage that it has reached, counted from 0."),
    pauseMs: milliseconds
      .max(7 * 86_400_000)
      .optional()
      .describe("Between two stages; absent waits for a confirmation."),
    paused: z.boolean().default(false),
    before: z
      .record(z.string(), z.int().min(0))
      .describe("Key of each document of the change to the revision before it, 0 for none: what an abort brings back."),
  })
  .describe("Written by `signalbox rollout`.");

/**
 * Holds what is in use: objectives on every consumer, or everything of the namespace (or some objectives) on some groups
 * of resolvers and Envoys. What is published meanwhile waits, and goes live when the pin is deleted.
 */
export const pinSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal("Pin"),
  metadata,
  spec: z
    .strictObject({
      objectives: z
        .array(name)
        .min(1)
        .max(limits.objectivesPerPin, beyond("objectivesPerPin"))
        .superRefine(
          unique((each) => each, "objective"),
          evenIfPartsAreBad,
        )
        .optional()
        .describe("The objectives that are held; with groups, all of the namespace when absent."),
      revision: z
        .int()
        .min(0)
        .optional()
        .describe("With groups: changes after this store revision wait. Without: what is published waits."),
      groups: groupList
        .min(1)
        .optional()
        .describe("The groups of resolvers and Envoys that hold it; every consumer when absent."),
      exceptGroups: groupList.optional().describe("All resolvers and Envoys hold it but those of these groups."),
      reason: z.string().max(1024).optional().describe("For people; shown wherever it holds something back."),
      rollout: stagedRollout.optional(),
    })
    .superRefine((spec, ctx) => {
      const isOfGroups = spec.groups !== undefined || spec.exceptGroups !== undefined;
      if (spec.groups !== undefined && spec.exceptGroups !== undefined)
        report(ctx, [], "must have at most one of groups and exceptGroups");
      if (!isOfGroups && spec.objectives === undefined) report(ctx, [], "must have objectives, groups or exceptGroups");
      if (isOfGroups && spec.revision === undefined)
        report(ctx, ["revision"], "is missing: a group holds at a store revision");
      if (!isOfGroups && spec.revision !== undefined)
        report(
          ctx,
          ["revision"],
          "needs groups or exceptGroups; without them the objectives are held as they are live",
        );
    }, evenIfPartsAreBad),
});

export type Pin = z.output<typeof pinSchema>;
export type PinInput = z.input<typeof pinSchema>;
