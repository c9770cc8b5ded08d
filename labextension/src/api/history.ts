/** The executions of one cell, and what each of them showed. */

import type { Requests } from './client';
import type { CellHistory, Shown } from './schema';

export function cellHistory(requests: Requests, cell: string, kernel: string, path: string): Promise<CellHistory> {
  return requests.get(`cells/${encodeURIComponent(cell)}/history`, { kernel, path });
}

export function outputsOf(requests: Requests, session: string, n: number): Promise<Shown[]> {
  return requests.get(`sessions/${encodeURIComponent(session)}/executions/${n}/outputs`);
}
