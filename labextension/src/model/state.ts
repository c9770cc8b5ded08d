/** What the panel shows, as one value: the model makes a new one, the views draw it. Plus the rules that need nothing else. */

import type { JobEntry, Live, Run, StaleCell, Status, Task } from '../api/schema';
import type { Folds } from './folds';
import type { Probe, TrackAnswer } from './kernel';
import type { Problem } from './problem';
import type { Rerun } from './rerun';
import { START, type Trail } from './trail';

export type Phase =
  'no-notebook' | 'no-kernel' | 'checking' | 'no-server' | 'other-language' | 'not-installed' | 'untracked' | 'tracked';

export interface Mismatch {
  kernel: string;
  server: string;
}

export interface PanelState {
  readonly phase: Phase;
  readonly path: string;
  readonly name: string;
  readonly kernelName: string;
  readonly language: string;
  readonly status: Status | null;
  readonly live: Live | null;
  /** Runs of the experiment, newest first. */
  readonly runs: readonly Run[];
  readonly jobs: readonly JobEntry[];
  readonly tasks: readonly Task[];
  readonly installCommand: string;
  readonly mismatch: Mismatch | null;
  /** Whether the user wants it tracked in every kernel that they start for it. */
  readonly always: boolean;
  /** True while stale cells are run; then what came of it. */
  readonly rerunning: boolean;
  readonly rerun: Rerun | null;
  /** True between the press of Track and the kernel's answer. */
  readonly starting: boolean;
  readonly trackAnswer: TrackAnswer | null;
  readonly problem: Problem | null;
  /** Cells of the open notebook whose results no longer hold. */
  readonly stale: readonly StaleCell[];
  readonly folds: Folds;
  /** The view in front, and those before it. */
  readonly trail: Trail;
  /** Seconds since 1970 of the last answer, while the server does not answer; null while it does. */
  readonly offline: number | null;
}

export const EMPTY: PanelState = {
  phase: 'no-notebook',
  path: '',
  name: '',
  kernelName: '',
  language: '',
  status: null,
  live: null,
  runs: [],
  jobs: [],
  tasks: [],
  installCommand: '',
  mismatch: null,
  always: false,
  rerunning: false,
  rerun: null,
  starting: false,
  trackAnswer: null,
  problem: null,
  stale: [],
  folds: {},
  trail: START,
  offline: null
};

/** The command that brings our package to the kernel with this interpreter. */
export function installCommand(status: Status, probe: Probe): string {
  if (status.install) {
    return status.install.replaceAll('{executable}', probe.executable);
  }
  // eslint-disable-next-line texts/translated -- a command
  return `"${probe.executable}" -m pip install "mlops_jupyter==${status.version}"`;
}

/** Both versions if they differ and both are known. */
export function mismatch(status: Status | null, kernel: string): Mismatch | null {
  if (!status || kernel === '' || kernel === status.version) {
    return null;
  }
  return { kernel, server: status.version };
}

/** The runs that are not deleted, newest first. */
export function newestFirst(runs: readonly Run[]): Run[] {
  return runs.filter(run => run.deleted !== true).sort((a, b) => b.started - a.started || (b.number ?? 0) - (a.number ?? 0));
}

/** Whether a task was refused because its cells do things outside their folder, which the user may allow. */
export function stoppedByEffects(task: Task | undefined): boolean {
  return task?.state === 'failed' && (task.error?.remedy ?? '').includes('allow-effects');
}

/** The task that is at work on a run or a job, else the newest that was. */
export function taskOf(tasks: readonly Task[], kind: string, subject: string): Task | undefined {
  const about = tasks.filter(task => task.kind === kind && task.subject === subject);
  return about.find(task => task.state === 'running') ?? about.at(-1);
}
