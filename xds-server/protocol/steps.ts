/** How much may still be looked through in this turn of the event loop: so many steps, then others have their turn. */
export class Steps {
  #left: number;

  constructor(atOnce: number) {
    this.#left = atOnce;
  }

  /** Takes one step; false when there is none left. */
  take(): boolean {
    return this.#left-- > 0;
  }

  /** A step was wanted, and none was left. */
  get areUsedUp(): boolean {
    return this.#left < 0;
  }
}
