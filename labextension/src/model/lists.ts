/** When the lists of tasks and jobs are read again: after a change of theirs, while a task runs, and now and then; not after each cell. */

import type { Task } from '../api/schema';

const LASTS = 10_000;

export class Lists {
  /** Something of them is different now. */
  changed(): void {
    this.dirty = true;
  }

  /** Whether to read them now: before all else where they have changed, after it where it has only been a while. */
  wanted(tasks: readonly Task[]): 'first' | 'last' | 'no' {
    const now = Date.now();
    const first = this.dirty || tasks.some(task => task.state === 'running');
    const wanted = first ? 'first' : now - this.at > LASTS ? 'last' : 'no';
    if (wanted !== 'no') {
      this.dirty = false;
      this.at = now;
    }
    return wanted;
  }

  private dirty = true;
  private at = 0;
}
