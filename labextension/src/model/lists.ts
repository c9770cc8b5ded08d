/** When the lists of tasks and jobs are read again: after a change of theirs, while a task runs, and now and then; not after each cell. */

import type { Task } from '../api/schema';

const LASTS = 10_000;

export class Lists {
  /** Something of them is different now. */
  changed(): void {
    this.dirty = true;
  }

  /** Whether to read them now. Asked once before each look. */
  wanted(tasks: readonly Task[]): boolean {
    const now = Date.now();
    const wanted = this.dirty || tasks.some(task => task.state === 'running') || now - this.at > LASTS;
    if (wanted) {
      this.dirty = false;
      this.at = now;
    }
    return wanted;
  }

  private dirty = true;
  private at = 0;
}
