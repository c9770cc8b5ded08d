/**
 * What the server tells beside the answers of its routes: the result of the task "preview", and what happened.
 */

import type { JobInput, JobParameter, JobResult } from './schema';

/** POST jobs/preview */
export interface Preview {
  parameters: JobParameter[];
  cells: PreviewCell[];
  inputs: JobInput[];
  results: JobResult[];
  warnings: string[];
  cells_total: number;
  /** Cells that ran and are not in the job, each with why. */
  dropped?: DroppedCell[];
}

export interface DroppedCell {
  n: number;
  id: string;
  source: string;
  because: string;
}

export interface PreviewCell {
  n?: number;
  id?: string;
  source: string;
  /** What is left of it in the job; "" if nothing is. */
  job?: string;
  /** What it is needed for. */
  because?: string[];
  /** What conversion cuts out: assignments that become parameters. */
  cut?: Cut[];
}

/** Text that leaves a cell, at which of its lines (from 1), for which parameter ("": none, a path); and what takes its place. */
export interface Cut {
  name: string;
  line: number;
  text: string;
  replaced_by?: string;
}

/** What happened, as the event bus says it. */
export interface Change {
  noun: 'execution' | 'session' | 'run' | 'submission' | 'task' | 'verification';
  session?: string;
  kernel?: string;
  id?: string;
  /** Of an execution: its number and its state. */
  n?: number;
  state?: string;
}
