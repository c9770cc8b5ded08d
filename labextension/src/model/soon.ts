/** Something to do soon, once: of several times that are asked for, the earliest counts. */

export class Soon {
  constructor(private readonly act: () => void) {}

  /** Do it in so many milliseconds, unless it is to be done before. */
  in(milliseconds: number): void {
    const due = Date.now() + milliseconds;
    if (this.timer !== undefined && due >= this.due) {
      return;
    }
    this.clear();
    this.due = due;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.act();
    }, milliseconds);
  }

  clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private due = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
}
