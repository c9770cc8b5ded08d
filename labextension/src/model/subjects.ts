/** What the tasks are about that were begun here, until the server's own list says so. */

import type { Task } from '../api/schema';

export class Subjects {
  /** A task that was just begun, as the list will show it. */
  begun(id: string, kind: Task['kind'], subject: string): Task {
    this.known.set(id, { kind, subject });
    return { id, kind, subject, state: 'running', started: Date.now() / 1000 };
  }

  labelled(task: Task): Task {
    return { ...task, ...this.known.get(task.id) };
  }

  private readonly known = new Map<string, Pick<Task, 'kind' | 'subject'>>();
}
