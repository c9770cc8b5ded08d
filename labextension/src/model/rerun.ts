/**
 * Runs exactly the cells that need it, each in its own place: the first of the plan, then asks again, until every result holds.
 *
 * The twin of `api/rerun.py`, for the open notebook. What an edited cell really did is known once it ran: if it made the same
 * content as before, what rests on it still holds and is not run.
 */

import type { Again, AgainCell } from '../api/schema';

/** Most times that one cell is run by one rerun: one that reads the clock never comes to rest. */
const MOST = 3;

/** What a rerun needs: the question, a cell run in its place (true if it went well), names deleted in the kernel. */
export interface Hands {
  ask(): Promise<Again>;
  run(cell: AgainCell): Promise<boolean>;
  forget(names: readonly string[]): Promise<void>;
}

/** What was run. `failed`: the cell that ended it; `restless`: cells that did not hold right after they ran. */
export interface Rerun {
  ran: string[];
  failed: string;
  restless: string[];
  /** What only a restarted kernel brings back, in words. */
  remains: string[];
}

export async function rerun(hands: Hands): Promise<Rerun> {
  const done: Rerun = { ran: [], failed: '', restless: [], remains: [] };
  const times = new Map<number, number>();
  let last = -1;
  for (;;) {
    const asked = await hands.ask();
    done.remains = [...new Set([...done.remains, ...asked.remains])];
    const [first] = asked.cells;
    if (first && (first.position === last || (times.get(first.position) ?? 0) >= MOST)) {
      times.set(first.position, MOST);
    }
    const next = asked.cells.find(cell => (times.get(cell.position) ?? 0) < MOST);
    if (!next) {
      done.restless = asked.cells.map(cell => cell.id);
      await forget(hands, asked.forget);
      return done;
    }
    last = next.position;
    times.set(last, (times.get(last) ?? 0) + 1);
    await forget(hands, next.forget);
    done.ran.push(next.id);
    if (!(await hands.run(next))) {
      done.failed = next.id;
      return done;
    }
  }
}

async function forget(hands: Hands, names: readonly string[]): Promise<void> {
  if (names.length > 0) {
    await hands.forget(names);
  }
}
