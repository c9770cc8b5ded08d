/**
 * What the routes answer where the answer is not one of the nouns of schema.ts: a noun with its surroundings, or a row made for a list.
 */

import type { ExecutionState } from './states';
import type { JobInput, JobManifest, JobParameter, JobResult, Run, Session } from './schema';

/** GET status */
export interface Status {
  version: string;
  store: string;
  size_bytes?: number | null;
  /** The command that brings mlops_jupyter to a kernel, where the server knows better than the kernel's own interpreter. */
  install?: string;
}

/** One row of the session's list. */
export interface ExecutionRow {
  n: number;
  cell?: string;
  state: ExecutionState;
  started?: number | null;
  ended?: number | null;
  seconds?: number | null;
  first_line?: string;
  /** The line that says what went wrong: `ValueError: …`. */
  error?: string | null;
  opaque?: string[] | boolean;
  outputs_count?: number;
}

/** GET live */
export interface Live {
  session: Session | null;
  package_count?: number;
  executions: ExecutionRow[];
  runs: Run[];
  /** Names of the notebook's variables that hold a float. */
  floats?: string[];
}

/** POST live/stale: a code cell as the notebook holds it now. */
export interface CellSource {
  id: string;
  source: string;
}

/** A cell whose results no longer hold, and why; `n` is its last execution. */
export interface StaleCell {
  id: string;
  reason: string;
  n?: number | null;
  kind?: string;
}

/** GET runs/<id>/cells */
export interface NeededCells {
  run: string;
  cells: NeededCell[];
  incomplete?: boolean;
  /** Executions of the session, so that the panel can say how many are left out. */
  total?: number;
}

export interface NeededCell {
  n: number;
  cell?: string;
  source: string;
  /** Names for which the cell is needed. */
  because?: string[];
}

/** POST jobs/preview */
export interface Preview {
  parameters: JobParameter[];
  cells: PreviewCell[];
  inputs: JobInput[];
  results: JobResult[];
  warnings: string[];
  cells_total: number;
}

export interface PreviewCell {
  n?: number;
  source: string;
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

/** GET jobs: a bundle in a folder. */
export interface JobBundle {
  folder: string;
  manifest: JobManifest;
}

export interface TaskError {
  what?: string;
  message?: string;
  remedy?: string;
}

/** GET tasks/<id>: work that the server does in the background. `result` depends on `kind`. */
export interface Task {
  id: string;
  kind: string;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  message?: string;
  done?: number;
  total?: number;
  result?: Record<string, unknown> | null;
  error?: TaskError | null;
  /** Id of the run, or folder of the job, that the task is about. */
  subject?: string;
}

/** What happened, as the event bus says it. */
export interface Change {
  noun: 'execution' | 'session' | 'run' | 'task' | 'verification';
  session?: string;
  kernel?: string;
  id?: string;
}

export interface PreviewRequest {
  session: string;
  run?: string;
  results?: string[];
}

export interface ConvertRequest extends PreviewRequest {
  folder: string;
  /** Names of the parameters to keep. */
  parameters: string[];
  verify: boolean;
  /** Let the clean run repeat what the cells do outside their folder. */
  allow_effects: boolean;
}

export interface RunJobRequest {
  folder: string;
  parameters: Record<string, unknown>;
  inputs: Record<string, string>;
}
