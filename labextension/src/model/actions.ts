/** What a view can ask for. The model implements it; tests give a fake. */

import type { Preview } from '../api/answers';
import type { ConvertBody, RunCells, PreviewBody, RunBody } from '../api/schema';

export interface Actions {
  track(): Promise<void>;
  /** Track this notebook in every kernel that the user starts for it, or no more. */
  always(on: boolean): Promise<void>;
  /** Run the cells that do not hold, each in its own place. */
  runStale(): Promise<void>;
  /** Scroll the notebook to a cell; false if it no longer has it. */
  reveal(cell: string): Promise<boolean>;
  /** A cell's source as the notebook has it now; null if it has no such cell. */
  sourceOf(cell: string): string | null;
  /** Put a source into a cell, undoably; false if the notebook no longer has it. */
  restore(cell: string, source: string): boolean;
  neededCells(run: string): Promise<RunCells>;
  /** Start a background task; resolves to its id. `effects`: also repeat what the cells do outside their folder. */
  verify(run: string, effects: boolean): Promise<string>;
  preview(request: PreviewBody): Promise<Preview>;
  convert(request: ConvertBody): Promise<string>;
  runJob(request: RunBody): Promise<string>;
  cancel(task: string): Promise<void>;
  /** Open a file of the server in JupyterLab. */
  open(path: string): void;
  copy(text: string): void;
  /** Remember that a part of the panel is open or closed. */
  fold(key: string, open: boolean): void;
  /** Go to a tab (`show('runs')`), or to a page about something (`show('history', cell)`); and back. */
  show(view: string, subject?: string, other?: string): void;
  back(): void;
  refresh(): void;
}
