/** What changed between two runs, and the one run that a page is about. */

import { RunsApi } from '../api/runs';
import type { Compared, DataChange, RemarkBody, Run } from '../api/schema';
import { TabModel, type Surroundings } from './tab';

export interface CompareState {
  readonly compared: Compared | null;
  /** Which two it is of: `run since`. */
  readonly of: string;
}

export class CompareModel extends TabModel<CompareState> {
  constructor(around: Surroundings) {
    super(around, { compared: null, of: '' });
    this.api = new RunsApi(around.requests);
  }

  protected override readonly nouns = ['run'] as const;

  /** Compare a run with another; `since` "": with the one before it. */
  compare(run: string, since: string): void {
    if (this.run !== run || this.since !== since) {
      [this.run, this.since] = [run, since];
      this.set({ compared: null }, { loading: true, problem: null });
      this.refresh(0);
    }
  }

  protected async load(): Promise<void> {
    const { run, since } = this;
    if (run === '') {
      return;
    }
    const compared = await this.api.changes(run, since);
    if (run === this.run && since === this.since) {
      this.set({ compared, of: `${run} ${since}` });
    }
  }

  private readonly api: RunsApi;
  private run = '';
  private since = '';
}

export interface OneRunState {
  readonly run: Run | null;
}

/** One run in full, wherever it is in the table. */
export class OneRunModel extends TabModel<OneRunState> {
  constructor(around: Surroundings) {
    super(around, { run: null });
    this.api = new RunsApi(around.requests);
  }

  protected override readonly nouns = ['run', 'verification'] as const;

  open(id: string): void {
    if (id !== this.id) {
      this.id = id;
      this.set({ run: null }, { loading: true, problem: null });
      this.refresh(0);
    }
  }

  async say(ids: readonly string[], words: RemarkBody): Promise<void> {
    for (const id of ids) {
      this.set({ run: await this.api.remark(id, words) });
    }
  }

  async delete(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.set({ run: await this.api.delete(id) });
    }
  }

  async restore(id: string): Promise<void> {
    this.set({ run: await this.api.restore(id) });
  }

  protected async load(): Promise<void> {
    const { id } = this;
    const run = id === '' ? null : await this.api.run(id);
    if (id === this.id) {
      this.set({ run });
    }
  }

  private readonly api: RunsApi;
  private id = '';
}

export interface DiffLine {
  readonly mark: '+' | '-' | ' ' | '@';
  readonly text: string;
}

/** A unified diff as lines; the heads of hunks only say where lines were left out. */
export function diffLines(diff: string): DiffLine[] {
  const lines = diff.split('\n').map((line): DiffLine => {
    const [mark = ' '] = line;
    return mark === '@' ? { mark: '@', text: '' } : { mark: mark === '+' || mark === '-' ? mark : ' ', text: line.slice(1) };
  });
  return lines[0]?.mark === '@' ? lines.slice(1) : lines;
}

/** A thing that differs in data, to be put in words. */
export type DataWord =
  | { readonly what: 'rows'; readonly columns: readonly string[]; readonly stretches: readonly (readonly [number, number])[] }
  | { readonly what: 'type'; readonly column: string; readonly a: string; readonly b: string }
  | { readonly what: 'added' | 'removed' | 'unread'; readonly columns: readonly string[] }
  | { readonly what: 'appended'; readonly rows: number; readonly unchanged: number; readonly open: number };

/** What differs between two versions of a dataset, down to columns and rows. Columns with the same rows stand together. */
export function dataWords(change: DataChange): DataWord[] {
  const { detail } = change;
  if (!detail) {
    return [];
  }
  const words: DataWord[] = [];
  const byRows = new Map<string, { columns: string[]; stretches: readonly (readonly [number, number])[] }>();
  for (const column of detail.changed ?? []) {
    if ((column.type_a ?? '') !== (column.type_b ?? '')) {
      words.push({ what: 'type', column: column.name, a: column.type_a ?? '', b: column.type_b ?? '' });
    } else {
      const key = JSON.stringify(column.rows ?? []);
      const held = byRows.get(key) ?? { columns: [], stretches: column.rows ?? [] };
      held.columns.push(column.name);
      byRows.set(key, held);
    }
  }
  words.unshift(...[...byRows.values()].map(one => ({ what: 'rows' as const, ...one })));
  const lists = [['added', detail.added], ['removed', detail.removed], ['unread', detail.unknown]] as const;
  words.push(...lists.flatMap(([what, columns]) => (columns && columns.length > 0 ? [{ what, columns }] : [])));
  if ((detail.appended ?? 0) !== 0) {
    words.push({ what: 'appended', rows: detail.appended ?? 0, unchanged: detail.unchanged ?? 0, open: detail.open ?? 0 });
  }
  return words;
}
