/** The routes of the Lineage tab. */

import type { Requests } from './client';
import type { CellAsRun, LineageGraph } from './schema';

/** Which graph: of the notebook's newest session, or of what a run needs; `all`: cells without a result too. */
export interface LineageAsk {
  readonly kernel: string;
  readonly path: string;
  readonly run: string;
  readonly all: boolean;
}

export function lineage(requests: Requests, ask: LineageAsk): Promise<LineageGraph> {
  return requests.get('lineage', { kernel: ask.kernel, path: ask.path, run: ask.run, all: ask.all ? '1' : '' });
}

/** One execution of a cell as it was. */
export function cellAsRun(requests: Requests, session: string, n: number): Promise<CellAsRun> {
  return requests.get(`lineage/${encodeURIComponent(session)}/cells/${n}`);
}
