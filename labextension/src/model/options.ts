/** What the panel's model is made from: the server, the notebook, what happened, and what the rest of JupyterLab does for it. */

import type { ISignal } from '@lumino/signaling';

import type { Change } from '../api/answers';
import type { Client } from '../api/client';
import type { Memory } from './folds';
import type { Habits } from './habits';
import type { NotebookSource } from './notebook';

/** What the model needs of the API: all of `Client` that it calls. */
export type Api = Pick<
  Client,
  | 'status' | 'live' | 'stale' | 'again' | 'neededCells' | 'verify' | 'preview' | 'convert' | 'jobs' | 'runJob' | 'tasks' | 'cancel'
>;

/** What the rest of JupyterLab does for the panel. */
export interface Desk {
  open(path: string): void;
  copy(text: string): void;
}

export interface ModelOptions {
  api: Api;
  notebooks: NotebookSource;
  changes: ISignal<unknown, Change>;
  desk: Desk;
  memory: Memory;
  habits?: Habits;
  /** Fired when JupyterLab's own requests fail: whether the server answers is looked at then, though nothing else happens. */
  lost?: ISignal<unknown, unknown>;
}
