/**
 * Asks which cells no longer hold, once the notebook rests: after an edit or an execution, and never twice for the same state.
 */

import type { CellSource, ExecutionRow, StaleCell } from '../api/schema';
import type { NotebookPort } from './notebook';

const REST = 700;

type Ask = (kernel: string, path: string, cells: CellSource[]) => Promise<StaleCell[]>;

export class Staleness {
  constructor(
    private readonly ask: Ask,
    private readonly found: (cells: StaleCell[]) => void
  ) {}

  /** The notebook and its executions as they are now. While a cell runs, what held before is neither confirmed nor taken back. */
  look(notebook: NotebookPort | null, rows: readonly ExecutionRow[]): void {
    clearTimeout(this.pending);
    if (notebook && rows.length > 0 && !rows.some(row => row.state === 'running')) {
      this.pending = setTimeout(() => void this.run(notebook, rows), REST);
    }
  }

  dispose(): void {
    clearTimeout(this.pending);
    this.asked = null;
  }

  private async run(notebook: NotebookPort, rows: readonly ExecutionRow[]): Promise<void> {
    const kernel = notebook.kernel;
    if (!kernel || kernel.busy) {
      return;
    }
    const cells = notebook.cells();
    const state = JSON.stringify([kernel.id, notebook.path, cells, rows.map(row => [row.n, row.state])]);
    if (state === this.asked) {
      return;
    }
    this.asked = state;
    try {
      const stale = await this.ask(kernel.id, notebook.path, cells);
      if (this.asked === state) {
        this.found(stale);
      }
    } catch {
      // What the server cannot tell is not shown; that it is out of reach, the panel's own look says.
      this.asked = null;
    }
  }

  private asked: string | null = null;
  private pending: ReturnType<typeof setTimeout> | undefined;
}
