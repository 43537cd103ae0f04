import { Cursor } from "./cursor.ts";
import { HeldRemovals } from "./held-removals.ts";
import { InitialVersions } from "./initial-versions.ts";
import type { Ledger } from "./ledger.ts";
import { NameSet } from "./name-set.ts";
import { Owed } from "./owed.ts";

/** What one delta subscription remembers: requests change it, responses use it up. */
export class DeltaState {
  readonly typeUrl: string;
  readonly cursor = new Cursor();
  readonly initial = new InitialVersions();
  readonly owed = new Owed();
  readonly removals = new HeldRemovals();
  readonly ledger: Ledger;
  /** Subscribed by name. */
  names = new NameSet();
  isWildcard = false;
  /** Names in responses that were on the way when the wildcard began: the client may come to hold them. */
  onTheWay: readonly string[] = [];
  /** The position up to which forgotten removals were made up for. */
  recheckedPosition = 0;

  constructor(typeUrl: string, ledger: Ledger) {
    this.typeUrl = typeUrl;
    this.ledger = ledger;
  }

  wants(name: string): boolean {
    return this.isWildcard || this.names.has(name);
  }

  /** The client is sent what `name` is now, or its removal. */
  noteAnswered(name: string): void {
    this.owed.noteAnswered(name);
    this.initial.noteAnswered(name);
  }

  /** Forgets a name that the client no longer wants. */
  forget(name: string): void {
    this.noteAnswered(name);
    this.removals.forget(name);
    this.cursor.forget(name);
    this.ledger.forget(name);
  }

  /** Forgets all names that the client no longer wants. */
  forgetUnwanted(): void {
    const wants = (name: string) => this.wants(name);
    for (const part of [this.owed, this.initial, this.removals, this.cursor, this.ledger]) part.retain(wants);
  }

  /** Everything up to the cursor counts as sent, unless a client that came back still lacks some of it. */
  get sent(): number {
    return this.initial.areCompared ? this.cursor.sequence : 0;
  }

  settleIfIdle(): void {
    if (this.owed.isEmpty && this.initial.areCompared) this.ledger.settle(this.cursor.sequence);
  }
}
