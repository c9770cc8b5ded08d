/**
 * The panel's model: asks the server, listens for what changed, and tells the views. It knows no React.
 *
 * The server's state is the truth: every signal only says "look again", and looks that come close together become one.
 */

import { VDomModel } from '@jupyterlab/ui-components';

import type { Change, Preview } from '../api/answers';
import { ApiError } from '../api/client';
import type { ConvertBody, PreviewBody, RunBody, RunCells, Task } from '../api/schema';
import type { Actions } from './actions';
import { tabIn, withFold, withTab, type Folds } from './folds';
import { Fresh } from './fresh';
import { moved, PassingHabits, type Habits } from './habits';
import { Lists } from './lists';
import type { NotebookChange, NotebookPort } from './notebook';
import type { ModelOptions } from './options';
import { Presence } from './presence';
import { problemOf } from './problem';
import { rerun } from './rerun';
import { Soon } from './soon';
import { Staleness } from './staleness';
import { EMPTY, newestFirst, type PanelState } from './state';
import { Subjects } from './subjects';
import { back, on, tabOf } from './trail';

const SETTLE = 60;
const QUICK = 150;
const TASK_POLL = 1000;
const BUSY_POLL = 3000;
const OFFLINE_POLL = 2000;
const STATUS_LASTS = 30_000;

export class PanelModel extends VDomModel implements Actions {
  constructor(private readonly options: ModelOptions) {
    super();
    this.habits = options.habits ?? new PassingHabits();
    this.habits.changed.connect(this.onHabits, this);
    options.notebooks.changed.connect(this.onNotebook, this);
    options.changes.connect(this.onChange, this);
    options.lost?.connect(() => this.refresh(), this);
    this.onNotebook(options.notebooks, 'notebook');
    void this.remember();
  }

  get state(): PanelState {
    return this._state;
  }

  /** Start tracking in the kernel. What it prints, or why it could not, is shown. */
  async track(): Promise<void> {
    const kernel = this.notebook?.kernel;
    if (!kernel || this._state.starting) {
      return;
    }
    this.set({ starting: true, trackAnswer: null });
    try {
      const trackAnswer = await kernel.track();
      this.set({ trackAnswer });
      await this.presence.ask(kernel);
    } catch (error) {
      this.set({ trackAnswer: { ok: false, text: problemOf(error).message } });
    } finally {
      this.set({ starting: false });
      this.refresh();
    }
  }

  /** Whether this notebook is tracked in every kernel that the user starts for it; from now on, too, if one runs. */
  async always(on: boolean): Promise<void> {
    const { path, phase } = this._state;
    if (path !== '') {
      await this.habits.set(path, on);
      this.set({ always: this.habits.has(path) });
      if (on && phase === 'untracked') {
        await this.track();
      }
    }
  }

  /** Run the cells that do not hold, each in its own place, and those that rest on them. */
  async runStale(): Promise<void> {
    const notebook = this.notebook;
    const kernel = notebook?.kernel;
    if (!notebook || !kernel || this._state.rerunning) {
      return;
    }
    this.set({ rerunning: true, rerun: null });
    try {
      const done = await rerun({
        ask: () => this.options.api.again(kernel.id, notebook.path, notebook.cells()),
        run: cell => notebook.run(cell.id, cell.position),
        forget: names => kernel.forget(names)
      });
      this.set({ rerun: done });
    } catch (error) {
      this.set({ problem: problemOf(error) });
    } finally {
      this.set({ rerunning: false });
      this.refresh();
    }
  }

  reveal(cell: string): Promise<boolean> {
    return this.notebook?.reveal(cell) ?? Promise.resolve(false);
  }

  readonly sourceOf = (cell: string): string | null => this.notebook?.cells().find(one => one.id === cell)?.source ?? null;
  readonly restore = (cell: string, source: string): boolean => this.notebook?.restore(cell, source) ?? false;

  neededCells(run: string): Promise<RunCells> {
    return this.options.api.neededCells(run);
  }

  verify(run: string, effects: boolean): Promise<string> {
    return this.begin('verify', run, this.options.api.verify(run, effects));
  }

  preview(request: PreviewBody): Promise<Preview> {
    return this.options.api.preview(request);
  }

  convert(request: ConvertBody): Promise<string> {
    return this.begin('convert', request.run ?? request.session ?? '', this.options.api.convert(request));
  }

  runJob(request: RunBody): Promise<string> {
    return this.begin('run', request.folder, this.options.api.runJob(request));
  }

  async cancel(task: string): Promise<void> {
    await this.options.api.cancel(task);
    this.lists.changed();
    this.refresh();
  }

  open(path: string): void {
    this.options.desk.open(path);
  }

  copy(text: string): void {
    this.options.desk.copy(text);
  }

  fold(key: string, open: boolean): void {
    this.keep(withFold(this._state.folds, key, open));
  }

  show(view: string, subject = '', other = ''): void {
    this.set({ trail: on(this._state.trail, { view, subject, other }) });
    if (subject === '') {
      this.keep(withTab(this._state.folds, view));
    }
  }

  back(): void {
    this.set({ trail: back(this._state.trail) });
  }

  /** Look again soon. Calls that come while one look is on its way become one more look after it. */
  refresh(delay = 0): void {
    if (this.looking) {
      this.again = true;
    } else if (!this.isDisposed) {
      // What comes after a rest is looked at once; what comes in a hurry, together.
      this.soon.in(Math.max(delay, SETTLE - (Date.now() - this.lookedAt)));
    }
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.soon.clear();
    clearTimeout(this.poll);
    this.staleness.dispose();
    super.dispose();
  }

  private get notebook(): NotebookPort | null {
    return this.options.notebooks.current;
  }

  private onHabits(): void {
    this.set({ always: this.habits.has(this._state.path) });
  }

  private onChange(_: unknown, change: Change): void {
    if (change.noun !== 'execution') {
      this.lists.changed();
      this.refresh();
    } else if (this.looking) {
      this.heard.push(change); // the answer that is on its way may say it already
    } else if (this.isNews(change)) {
      this.refresh();
    }
  }

  /** Whether it says of one of this kernel's cells what is not shown yet. */
  private isNews({ session, kernel, n, state }: Change): boolean {
    const { live } = this._state;
    const row = live?.session?.id === session ? live?.executions.find(other => other.n === n) : undefined;
    const ours = kernel === undefined || kernel === '' || kernel === this.notebook?.kernel?.id;
    return ours && (row === undefined || row.state !== state);
  }

  private onNotebook(_: unknown, change: NotebookChange): void {
    const notebook = this.notebook;
    if (change === 'content') {
      this.restale();
      return;
    }
    if (change === 'notebook') {
      this.staleness.dispose();
      const { status, folds, trail, offline } = this._state;
      this.presence.forget();
      this.lists.changed();
      this.set({ ...EMPTY, status, folds, trail: tabOf(trail), offline, phase: notebook ? 'checking' : 'no-notebook' });
    }
    if (change === 'restart') {
      this.presence.restarted();
    }
    if (change === 'kernel' || change === 'found' || (change === 'executed' && this._state.phase === 'not-installed')) {
      this.presence.forget();
    }
    if (change === 'kernel' || change === 'restart') {
      this.set({ trackAnswer: null, rerun: null });
      // Once the connection has dropped what was queued for the kernel's last life; before anything that the user runs next.
      void Promise.resolve().then(() => this.habitual());
    }
    if (change === 'path' && this.habits.acts && this._state.path !== '' && this.habits.has(this._state.path)) {
      void moved(this.habits, this._state.path, notebook?.path ?? '');
    }
    const path = notebook?.path ?? '';
    this.set({ path, name: notebook?.name ?? '', always: this.habits.has(path) });
    if (change === 'executed' && !this.looking && Date.now() - this.lookedAt >= SETTLE) {
      this.soon.clear();
      void this.look(); // now: a timer would wait for the frames in which Lab draws what the cell made
    } else {
      // A cell that is quick has ended before it is worth saying that it runs.
      this.refresh(change === 'status' ? QUICK : 0);
    }
  }

  /** The user has started a kernel for a notebook that is always tracked. */
  private async habitual(): Promise<void> {
    const notebook = this.notebook;
    if (notebook?.kernel && this.habits.acts && this.habits.has(notebook.path)) {
      await this.track();
    }
  }

  private async look(): Promise<void> {
    this.lookedAt = Date.now();
    this.looking = true;
    const notebook = this.notebook;
    try {
      if (notebook) {
        await this.load(notebook);
      } else {
        this.set({ phase: 'no-notebook' });
      }
      this.answered = Date.now() / 1000;
      this.set({ offline: null });
    } catch (error) {
      this.failed(error);
    } finally {
      this.looking = false;
    }
    const news = this.heard.splice(0).some(change => this.isNews(change));
    if (this.again || news) {
      this.again = false;
      this.refresh();
    }
    this.plan();
  }

  private failed(error: unknown): void {
    if (error instanceof ApiError && error.absent) {
      this.set({ phase: 'no-server', problem: null, offline: null });
    } else if (error instanceof ApiError && error.status === 0) {
      this.set({ offline: this.answered });
    } else {
      this.set({ problem: problemOf(error), offline: null });
    }
  }

  /** Read everything the panel shows. A part that fails is named and keeps what it had. */
  private async load(notebook: NotebookPort): Promise<void> {
    const { api } = this.options;
    const { kernel, path } = notebook;
    const status = await this.status.get(this._state.status);
    const listed = this.lists.wanted(this._state.tasks);
    // Tasks first: what a task that has ended brought is then in what is read after it.
    const first = listed === 'first' ? await Promise.allSettled([api.tasks()]) : null;
    const live = await api.live(kernel?.id ?? '', path);
    if (this.gone(path)) {
      return;
    }
    const problem = listed === 'no' ? null : this._state.problem;
    this.set({ status, live, problem, runs: newestFirst(live.runs), kernelName: kernel?.displayName ?? '' });
    await this.presence.settle(notebook, kernel);
    this.restale();
    if (listed === 'no') {
      return;
    }
    const [tasks] = first ?? (await Promise.allSettled([api.tasks()]));
    const [jobs] = await Promise.allSettled([api.jobs(path)]);
    if (!this.gone(path)) {
      const failed = [jobs, tasks].find(part => part.status === 'rejected');
      this.set({
        jobs: jobs.status === 'fulfilled' ? jobs.value : this._state.jobs,
        tasks: tasks.status === 'fulfilled' ? tasks.value.map(task => this.subjects.labelled(task)) : this._state.tasks,
        problem: failed ? problemOf(failed.reason) : null
      });
    }
  }

  private gone(path: string): boolean {
    return this.isDisposed || this.notebook?.path !== path;
  }

  /** Once nothing changes for a moment, ask which cells no longer hold. */
  private restale(): void {
    this.staleness.look(this.notebook, this._state.phase === 'tracked' ? (this._state.live?.executions ?? []) : []);
  }

  private async remember(): Promise<void> {
    try {
      const folds = await this.options.memory.load();
      const [here] = this._state.trail;
      const view = tabIn(this._state.folds) || tabIn(folds) || here.view;
      this.set({ folds: { ...folds, ...this._state.folds }, trail: on(this._state.trail, { view, subject: '', other: '' }) });
    } catch (error) {
      console.error('mlops_jupyter: folds were not read', error);
    }
  }

  /** Remember what a task is about until the server's list says so. */
  private async begin(kind: Task['kind'], subject: string, started: Promise<string>): Promise<string> {
    const id = await started;
    this.set({ tasks: [...this._state.tasks, this.subjects.begun(id, kind, subject)] });
    this.lists.changed();
    this.refresh();
    return id;
  }

  /** Events drive the panel; while something is at work it also looks by itself, should the event bus be out of reach. */
  private plan(): void {
    clearTimeout(this.poll);
    if (this.isDisposed) {
      return;
    }
    if (this._state.offline !== null) {
      this.poll = setTimeout(() => this.refresh(), OFFLINE_POLL);
    } else if (this._state.tasks.some(task => task.state === 'running')) {
      this.poll = setTimeout(() => this.refresh(), TASK_POLL);
    } else if (this.notebook?.kernel?.busy) {
      this.poll = setTimeout(() => this.refresh(), BUSY_POLL);
    }
  }

  private keep(folds: Folds): void {
    this.set({ folds });
    void this.options.memory.save(folds).catch(() => undefined);
  }

  private set(part: Partial<PanelState>): void {
    this._state = { ...this._state, ...part };
    this.stateChanged.emit(undefined);
  }

  private readonly staleness = new Staleness(
    (kernel, path, cells) => this.options.api.stale(kernel, path, cells),
    stale => this.set({ stale })
  );
  private readonly presence: Presence = new Presence({
    panel: () => ({ state: this._state, notebook: this.notebook }),
    set: part => this.set(part),
    refresh: () => this.refresh()
  });
  private _state: PanelState = EMPTY;
  private readonly habits: Habits;
  private lookedAt = 0;
  private readonly lists = new Lists();
  /** Half a minute old at most: the size of the store is shown. */
  private readonly status = new Fresh(() => this.options.api.status(), status => this.set({ status }), STATUS_LASTS);
  private answered = 0;
  private looking = false;
  private again = false;
  private heard: Change[] = [];
  private readonly soon = new Soon(() => void this.look());
  private poll: ReturnType<typeof setTimeout> | undefined;
  private readonly subjects = new Subjects();
}
