import type { Command } from "./command.ts";
import { apply } from "./commands/apply.ts";
import { audience } from "./commands/audience.ts";
import { completion } from "./commands/completion.ts";
import { deleteCommand } from "./commands/delete.ts";
import { diff } from "./commands/diff.ts";
import { explain } from "./commands/explain.ts";
import { get } from "./commands/get.ts";
import { history } from "./commands/history.ts";
import { infer } from "./commands/infer.ts";
import { pin } from "./commands/pin.ts";
import { plan } from "./commands/plan.ts";
import { resolve } from "./commands/resolve.ts";
import { rollback } from "./commands/rollback.ts";
import { rollout } from "./commands/rollout.ts";
import { shift } from "./commands/shift.ts";
import { simulate } from "./commands/simulate.ts";
import { status } from "./commands/status.ts";
import { unpin } from "./commands/unpin.ts";
import { up } from "./commands/up.ts";
import { validate } from "./commands/validate.ts";

/** Every subcommand, in the order of `signalbox --help`. */
export const commands: readonly Command[] = [
  up,
  apply,
  get,
  deleteCommand,
  diff,
  plan,
  simulate,
  history,
  rollback,
  pin,
  unpin,
  rollout,
  validate,
  audience,
  resolve,
  explain,
  infer,
  status,
  shift,
  completion,
];
