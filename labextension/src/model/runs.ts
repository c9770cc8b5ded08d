/**
 * The Runs tab's model: an overview by day, or a table of which only the part in sight is known; what a person says of runs.
 *
 * A filter that cannot be read is said below its field; what was found before stays.
 */

import { RunsApi, type About } from '../api/runs';
import { ApiError } from '../api/client';
import type { Named, Overview, RemarkBody, Run, RunLine } from '../api/schema';
import { problemOf, type Problem } from './problem';
import { lineAt, NO_ROWS, orderWords, PAGE, pagesOf, turned, type Rows } from './runs-table';
import { TabModel, type Surroundings } from './tab';

const TYPING = 250;
const DAY_AT_ONCE = 50;

/** What was deleted last, and can come back until something else is done. */
export interface Undo {
  readonly run: string;
  readonly label: string;
}

export interface RunsState {
  readonly table: boolean;
  readonly everywhere: boolean;
  readonly filter: string;
  /** Why the filter could not be read. */
  readonly refused: Problem | null;
  readonly overview: Overview | null;
  /** The days that are unfolded, with as much of each as was asked for. */
  readonly days: Readonly<Record<string, readonly Run[]>>;
  readonly rows: Rows;
  /** The lines from which the columns follow: those that came first, so that columns stay while the table scrolls. */
  readonly sample: readonly RunLine[];
  readonly named: readonly Named[];
  readonly selected: readonly RunLine[];
  readonly undo: Undo | null;
}

const START: RunsState = {
  table: false, everywhere: false, filter: '', refused: null, overview: null, days: {}, rows: NO_ROWS, sample: [], named: [], selected: [], undo: null
};

export class RunsModel extends TabModel<RunsState> {
  constructor(around: Surroundings) {
    super(around, START);
    this.api = new RunsApi(around.requests);
  }

  protected override readonly nouns = ['run', 'verification'] as const;

  /** What is asked about. Without an experiment of the notebook's, all of them. */
  get asked(): About {
    const { everywhere, filter } = this.state;
    return { experiment: everywhere ? '' : this.experiment, filter };
  }

  get experiment(): string {
    return this.around.panel.state.live?.session?.experiment_id ?? '';
  }

  showTable(table: boolean): void {
    if (table !== this.state.table) {
      this.did({ table });
      this.refresh(0);
    }
  }

  showAll(everywhere: boolean): void {
    this.anew({ everywhere, named: [], selected: [] });
    this.refresh(0);
  }

  search(filter: string): void {
    this.anew({ filter });
    this.refresh(TYPING);
  }

  sort(column: string): void {
    this.anew({ rows: { ...this.state.rows, order: turned(this.state.rows.order, column) } });
    this.refresh(0);
  }

  /** Lines `first` to `last` are in sight. */
  want(first: number, last: number): void {
    this.sight = [first, last];
    const { rows } = this.state;
    const missing = pagesOf(first, Math.min(last, rows.total - 1)).filter(page => rows.pages[page] === undefined);
    for (const page of missing.filter(one => !this.asking.has(one))) {
      void this.fetch(page);
    }
  }

  /** The columns that there are, asked for when somebody chooses among them. */
  async findColumns(): Promise<void> {
    this.set({ named: await this.api.columns(this.asked.experiment) });
  }

  /** Unfold a day, or more of it; or fold it. */
  async unfold(day: string, more = false): Promise<void> {
    const held = this.state.days[day];
    if (held !== undefined && !more) {
      this.did({ days: Object.fromEntries(Object.entries(this.state.days).filter(([other]) => other !== day)) });
      return;
    }
    const runs = await this.dayOf(day, (held?.length ?? 0) + DAY_AT_ONCE);
    this.did({ days: { ...this.state.days, [day]: runs } });
  }

  select(line: RunLine): void {
    const { selected } = this.state;
    const without = selected.filter(one => one.id !== line.id);
    this.did({ selected: without.length < selected.length ? without : [...selected, line] });
  }

  clear(): void {
    this.did({ selected: [] });
  }

  async say(ids: readonly string[], words: RemarkBody): Promise<void> {
    for (const id of ids) {
      this.patch(await this.api.remark(id, words));
    }
    this.did({});
    this.refresh();
  }

  async delete(ids: readonly string[], label: string): Promise<void> {
    for (const id of ids) {
      await this.api.delete(id);
    }
    const gone = new Set(ids);
    this.set({ undo: { run: ids.join(','), label }, selected: this.state.selected.filter(one => !gone.has(one.id)) });
    this.epoch += 1;
    this.refresh(0);
  }

  async undo(): Promise<void> {
    for (const id of this.state.undo?.run.split(',') ?? []) {
      await this.api.restore(id);
    }
    this.did({});
    this.refresh(0);
  }

  protected async load(): Promise<void> {
    try {
      await (this.state.table ? this.loadTable() : this.loadList());
      this.set({ refused: null });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 400 || this.state.filter === '') {
        throw error;
      }
      this.set({ refused: problemOf(error) });
    }
  }

  private async loadList(): Promise<void> {
    const { asked, epoch } = this;
    const overview = await this.api.overview(asked, Intl.DateTimeFormat().resolvedOptions().timeZone);
    if (epoch !== this.epoch) {
      return;
    }
    this.set({ overview });
    const days: Record<string, readonly Run[]> = {};
    for (const [day, held] of Object.entries(this.state.days)) {
      if (overview.days.some(one => one.day === day)) {
        days[day] = await this.dayOf(day, Math.max(held.length, 1));
      }
    }
    if (epoch === this.epoch) {
      this.set({ days });
    }
  }

  private async dayOf(day: string, limit: number): Promise<Run[]> {
    const found = this.state.overview?.days.find(one => one.day === day);
    return found === undefined ? [] : this.api.runs(this.asked, found.offset, Math.min(limit, found.runs, 1000));
  }

  /** The pages in sight, anew; the others are asked for when they come into sight. */
  private async loadTable(): Promise<void> {
    const { epoch } = this;
    const [first, last] = this.sight;
    const pages = pagesOf(first, last).slice(0, 3);
    const windows = await Promise.all(pages.map(page => this.window(page)));
    const [one] = windows;
    if (epoch !== this.epoch || one === undefined) {
      return;
    }
    const found = Object.fromEntries(pages.map((page, i) => [page, windows[i]?.lines ?? []]));
    const sample = first === 0 || this.state.sample.length === 0 ? one.lines : this.state.sample;
    this.set({ sample, rows: { ...this.state.rows, total: one.total, baseline: one.baseline, pages: found } });
  }

  private async fetch(page: number): Promise<void> {
    const { epoch } = this;
    this.asking.add(page);
    try {
      const { total, lines } = await this.window(page);
      if (epoch === this.epoch) {
        const { rows } = this.state;
        this.set({ rows: { ...rows, total, pages: { ...rows.pages, [page]: lines } } });
      }
    } catch (error) {
      this.set({}, { problem: problemOf(error) });
    } finally {
      this.asking.delete(page);
    }
  }

  private window(page: number): ReturnType<RunsApi['window']> {
    return this.api.window(this.asked, orderWords(this.state.rows.order), page * PAGE, PAGE);
  }

  /** Something was done: what was deleted before it stays deleted. */
  private did(part: Partial<RunsState>): void {
    this.set({ ...part, undo: null });
  }

  /** Other runs are asked for: answers that are on their way are of no use. */
  private anew(part: Partial<RunsState>): void {
    this.epoch += 1;
    this.sight = [0, PAGE - 1];
    this.did({ days: {}, ...part });
  }

  /** What was said of a run, wherever it is shown, before the server is asked again. */
  private patch(run: Run): void {
    const { starred = false, baseline = false, tags = {} } = run;
    const said = { starred, baseline, tags };
    const whole = <T extends { id: string }>(one: T): T => (one.id === run.id ? { ...one, ...said } : one);
    const { rows, overview, days, selected } = this.state;
    const pages = Object.fromEntries(Object.entries(rows.pages).map(([page, lines]) => [page, lines.map(whole)]));
    this.set({
      rows: { ...rows, pages },
      selected: selected.map(whole),
      overview: overview && { ...overview, newest: overview.newest.map(whole), starred: overview.starred.map(whole) },
      days: Object.fromEntries(Object.entries(days).map(([day, runs]) => [day, runs.map(whole)]))
    });
  }

  private readonly api: RunsApi;
  private sight: [number, number] = [0, PAGE - 1];
  private epoch = 0;
  private readonly asking = new Set<number>();
}

/** The line at a place of the table, as the model has it. */
export function lineOf(state: RunsState, index: number): RunLine | undefined {
  return lineAt(state.rows, index);
}
