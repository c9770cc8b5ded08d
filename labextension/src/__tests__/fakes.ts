/** A server, a kernel and a notebook that answer at once. One real interface each, no mocking library. */

import { Signal } from '@lumino/signaling';

import type { Change, Preview } from '../api/answers';
import { ApiError, type Requests } from '../api/client';
import type { Again, CellSource, ExecutionRow, Live, Run, Session, StaleCell, Status, Task } from '../api/schema';
import type { Folds, Memory } from '../model/folds';
import type { Probe, TrackAnswer } from '../model/kernel';
import type { Api } from '../model/options';
import { PanelModel } from '../model/panel';
import type { KernelPort, NotebookChange, NotebookPort, NotebookSource } from '../model/notebook';
import type { Actions } from '../model/actions';
import { EMPTY, type PanelState } from '../model/state';
import type { Surroundings } from '../model/tab';

export const SESSION: Session = {
  id: 's1', writer: 'w1', kind: 'notebook', experiment: 'delays', experiment_id: 'e1', started: 1000, kernel_id: 'k1', version: '0.1.0'
};

export const STATUS: Status = {
  version: '0.1.0', store: '/store', size_bytes: 1234, install: '', kernels: [], kernel_command: ''
};

export function liveOf(part: Partial<Live> = {}): Live {
  return { session: SESSION, package_count: 0, executions: [], runs: [], floats: [], ...part };
}

export function rowOf(part: Partial<ExecutionRow> = {}): ExecutionRow {
  return {
    n: 1, cell: '', state: 'ok', prompt: null, started: null, ended: null, seconds: null, first_line: '', error: '', opaque: [],
    outputs_count: 0, cost: 0, wrote: [], memory: null, ...part
  };
}

export function runOf(id: string, part: Partial<Run> = {}): Run {
  return { id, experiment_id: 'e1', experiment: 'delays', session: 's1', state: 'finished', started: 1000, slice_digest: 'd1', ...part };
}

export const PREVIEW: Preview = {
  parameters: [
    { name: 'test_month', type: 'integer', default: 6, varied: true, cell: 1 },
    { name: 'rate', type: 'number', default: 0.1, cell: 2 }
  ],
  cells: [{ source: '# months\ntest_month = 6', cut: [{ name: 'test_month', line: 2, text: 'test_month = 6' }] }, { source: 'model.fit(X, y)' }],
  inputs: [],
  results: [{ name: 'auc', kind: 'metric', value: 0.7 }, { name: 'loss', kind: 'metric', value: 0.4 }],
  warnings: [],
  cells_total: 9
};

export class FakeApi implements Api {
  live_: Live = liveOf({ session: null });
  tasks_: Task[] = [];
  stale_: StaleCell[] = [];
  readonly judged: CellSource[][] = [];
  failure: Error | null = null;
  looks = 0;
  readonly posted: unknown[] = [];

  status = (): Promise<Status> => Promise.resolve(STATUS);
  live = (): Promise<Live> => {
    this.looks += 1;
    return this.failure ? Promise.reject(this.failure) : Promise.resolve(this.live_);
  };
  jobs = (): Promise<never[]> => Promise.resolve([]);
  tasks = (): Promise<Task[]> => Promise.resolve(this.tasks_);
  stale = (_kernel: string, _path: string, cells: CellSource[]): Promise<StaleCell[]> => {
    this.judged.push(cells);
    return Promise.resolve(this.stale_);
  };
  again_: Again[] = [];
  again = (): Promise<Again> => Promise.resolve(this.again_.shift() ?? { cells: [], forget: [], remains: [] });
  neededCells = (run: string) => Promise.resolve({ run, cells: [], incomplete: false, total: 0 });
  preview = (): Promise<Preview> => Promise.resolve(PREVIEW);
  verify = (run: string): Promise<string> => this.post(run);
  convert = (request: unknown): Promise<string> => this.post(request);
  runJob = (request: unknown): Promise<string> => this.post(request);
  cancel = (): Promise<void> => Promise.resolve();

  private post(body: unknown): Promise<string> {
    this.posted.push(body);
    return Promise.resolve('t1');
  }
}

export class FakeKernel implements KernelPort {
  id = 'k1';
  displayName = 'Python 3';
  busy = false;
  probes = 0;
  speaks = 'python';
  answer: Probe = { installed: true, version: '0.1.0', executable: '/opt/py/bin/python', tracking: false };

  language = (): Promise<string> => Promise.resolve(this.speaks);
  probe = (): Promise<Probe> => {
    this.probes += 1;
    return Promise.resolve(this.answer);
  };
  track = (): Promise<TrackAnswer> => {
    this.answer = { ...this.answer, tracking: true };
    this.tracks += 1;
    return Promise.resolve({ ok: true, text: 'delays → delays' });
  };
  tracks = 0;
  readonly forgot: string[] = [];
  forget = (names: readonly string[]): Promise<void> => {
    this.forgot.push(...names);
    return Promise.resolve();
  };
}

export class FakeNotebooks implements NotebookSource {
  current: NotebookPort | null = null;
  source = 'auc = score(df)';
  readonly changed: Signal<NotebookSource, NotebookChange> = new Signal<NotebookSource, NotebookChange>(this);

  rename(path: string): void {
    if (this.current) {
      this.current = { ...this.current, path };
      this.changed.emit('path');
    }
  }

  readonly ran: string[] = [];
  fails = '';
  run = (cell: string): Promise<boolean> => {
    this.ran.push(cell);
    return Promise.resolve(cell !== this.fails);
  };

  open(kernel: KernelPort | null, path = 'work/delays.ipynb'): void {
    this.current = { path, name: path.split('/').at(-1) ?? '', kernel, starting: false, reveal: () => Promise.resolve(true), cells: () => [{ id: 'c1', source: this.source }], run: this.run, restore: () => true };
    this.changed.emit('notebook');
  }
}

/** Remembers folds as JupyterLab would over a reload. */
export class FakeMemory implements Memory {
  folds: Folds = {};

  load = (): Promise<Folds> => Promise.resolve(this.folds);
  save = (folds: Folds): Promise<void> => {
    this.folds = folds;
    return Promise.resolve();
  };
}

/** A model in front of fakes. */
export function bench(memory = new FakeMemory()): { api: FakeApi; kernel: FakeKernel; notebooks: FakeNotebooks; changes: Signal<unknown, Change>; model: PanelModel } {
  const api = new FakeApi();
  const notebooks = new FakeNotebooks();
  const changes = new Signal<unknown, Change>({});
  const model = new PanelModel({ api, notebooks, changes, desk: { open: () => undefined, copy: () => undefined }, memory });
  return { api, kernel: new FakeKernel(), notebooks, changes, model };
}

/** A server that answers each route with what it was given for it, and remembers what was asked. */
export class FakeRequests implements Requests {
  readonly asked: [string, string, unknown][] = [];

  constructor(private readonly answers: Record<string, unknown> = {}) {}

  get = <T,>(route: string, asked: object = {}): Promise<T> => this.answer<T>('GET', route, asked);
  post = <T,>(route: string, body: object): Promise<T> => this.answer<T>('POST', route, body);
  put = <T,>(route: string, body: object): Promise<T> => this.answer<T>('PUT', route, body);
  remove = <T,>(route: string): Promise<T> => this.answer<T>('DELETE', route, {});

  private answer<T>(method: string, route: string, body: unknown): Promise<T> {
    this.asked.push([method, route, body]);
    const found = this.answers[`${method} ${route}`] ?? this.answers[route];
    if (found instanceof Error) {
      return Promise.reject(found);
    }
    return found === undefined ? Promise.reject(new ApiError(`no answer for ${route}`, '', 404)) : Promise.resolve(found as T);
  }
}

/** What surrounds a tab's model: a fake server, no changes until they are told, a panel in a state. */
export function fakeSurroundings(answers: Record<string, unknown> = {}, state: PanelState = EMPTY): { around: Surroundings; requests: FakeRequests; changes: Signal<unknown, Change>; panel: FakePanel } {
  const requests = new FakeRequests(answers);
  const changes = new Signal<unknown, Change>({});
  const panel = new FakePanel(state);
  return { around: { requests, changes, panel }, requests, changes, panel };
}

export class FakePanel {
  readonly stateChanged: Signal<unknown, void> = new Signal<unknown, void>(this);

  constructor(public state: PanelState) {}

  to(part: Partial<PanelState>): void {
    this.state = { ...this.state, ...part };
    this.stateChanged.emit(undefined);
  }
}

/** Actions that remember what they were asked for. */
export function fakeActions(part: Partial<Actions> = {}): { actions: Actions; asked: unknown[][] } {
  const asked: unknown[][] = [];
  const note = <T,>(name: string, answer: T) => (...values: unknown[]): Promise<T> => {
    asked.push([name, ...values]);
    return Promise.resolve(answer);
  };
  const say = (name: string) => (value?: unknown): void => {
    asked.push([name, value]);
  };
  const actions: Actions = {
    track: note('track', undefined),
    always: note('always', undefined),
    runStale: note('runStale', undefined),
    reveal: note('reveal', true),
    sourceOf: cell => (cell === 'c1' ? 'auc = score(df)' : null),
    restore: (cell, source) => asked.push(['restore', cell, source]) > 0,
    neededCells: note('neededCells', {
      run: 'r1',
      total: 12,
      incomplete: false,
      cells: [
        { n: 2, cell: 'c2', source: '# read\ndf = read()', because: [] },
        { n: 5, cell: 'c5', source: 'auc = score(df)', because: [] }
      ]
    }),
    verify: note('verify', 't1'),
    preview: note('preview', PREVIEW),
    convert: note('convert', 't2'),
    runJob: note('runJob', 't3'),
    cancel: note('cancel', undefined),
    open: say('open'),
    copy: say('copy'),
    fold: () => undefined,
    show: (view, subject = '') => void asked.push(['show', view, subject]),
    back: say('back'),
    refresh: say('refresh'),
    ...part
  };
  return { actions, asked };
}
