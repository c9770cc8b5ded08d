/** An answer that does not have to be of this second: asked for again once it is old, and not waited for where one is known. */

export class Fresh<T> {
  constructor(
    private readonly ask: () => Promise<T>,
    /** Told of each answer that nobody waited for. */
    private readonly renewed: (answer: T) => void,
    private readonly lasts: number
  ) {}

  /** The answer: the one that is known, else the first. */
  async get(known: T | null): Promise<T> {
    if (known !== null && Date.now() - this.at < this.lasts) {
      return known;
    }
    this.at = Date.now();
    if (known === null) {
      return this.ask();
    }
    // That it cannot be had just now is said by whatever else is asked for.
    void this.ask().then(this.renewed).catch(() => undefined);
    return known;
  }

  private at = 0;
}
