/** The models of the Data tab: the datasets of the notebook's experiment; and one of them, with two versions laid beside each other. */

import { dataset, datasets, difference, profile, type Whose } from '../api/data';
import type { Change } from '../api/answers';
import type { ColumnPicture, DatasetDifference, DatasetPage, DatasetProfile, DatasetRow, Datasets } from '../api/schema';
import { problemOf, type Problem } from './problem';
import type { PanelState } from './state';
import { TabModel, type Surroundings } from './tab';

const CHANGES: readonly Change['noun'][] = ['execution', 'run', 'session'];

function whose(panel: PanelState): Whose {
  return { kernel: panel.live?.session?.kernel_id ?? '', path: panel.path };
}

const session = (panel: PanelState): string => JSON.stringify([panel.path, panel.live?.session?.id ?? '']);

export interface DataState {
  readonly found: Datasets | null;
  readonly filter: string;
}

/** The list. */
export class DataModel extends TabModel<DataState> {
  constructor(around: Surroundings) {
    super(around, { found: null, filter: '' });
  }

  filter(filter: string): void {
    this.set({ filter });
  }

  protected override readonly nouns = CHANGES;
  protected override subject = session;

  protected async load(): Promise<void> {
    const { state } = this.around.panel;
    if (state.path !== '') {
      this.set({ found: await datasets(this.around.requests, whose(state)) });
    }
  }
}

/** The datasets whose name or source holds the text. */
export function filtered(rows: readonly DatasetRow[], filter: string): DatasetRow[] {
  const wanted = filter.trim().toLowerCase();
  return rows.filter(row => `${row.name} ${row.source ?? ''} ${row.kind} ${(row.roles ?? []).join(' ')}`.toLowerCase().includes(wanted));
}

export interface DatasetState {
  readonly key: string;
  readonly page: DatasetPage | null;
  /** The version looked at, and the one it is laid over; "" for none. */
  readonly version: string;
  readonly against: string;
  readonly profile: DatasetProfile | null;
  /** True while the statistics are on their way: they may have to be taken from the file. */
  readonly profiling: boolean;
  readonly difference: DatasetDifference | null;
  readonly partProblem: Problem | null;
}

const BLANK = { page: null, version: '', against: '', profile: null, profiling: false, difference: null, partProblem: null };

/** One dataset. */
export class DatasetModel extends TabModel<DatasetState> {
  constructor(around: Surroundings) {
    super(around, { ...BLANK, key: '' });
  }

  open(key: string): void {
    if (key !== this.state.key) {
      this.set({ ...BLANK, key }, { loading: true, problem: null });
      this.refresh(0);
    }
  }

  /** Look at a version, laid over another one ("": none). */
  compare(version: string, against: string): void {
    this.set({ version, against, difference: null });
    void this.parts();
  }

  protected override readonly nouns = CHANGES;
  protected override subject = session;

  protected async load(): Promise<void> {
    const { key } = this.state;
    if (key === '') {
      return;
    }
    const page = await dataset(this.around.requests, key, whose(this.around.panel.state));
    if (key !== this.state.key) {
      return;
    }
    const known = (id: string): boolean => page.versions.some(version => version.id === id);
    const version = known(this.state.version) ? this.state.version : (page.versions[0]?.id ?? '');
    const against = known(this.state.against) ? this.state.against : '';
    const same = version === this.state.version && against === this.state.against && this.state.profile !== null;
    this.set({ page, version, against });
    if (!same) {
      void this.parts();
    }
  }

  /** The statistics and the difference of the versions looked at. */
  private async parts(): Promise<void> {
    const { key, version, against } = this.state;
    const { requests, panel } = this.around;
    const still = (): boolean => key === this.state.key && version === this.state.version && against === this.state.against;
    this.set({ profiling: true, partProblem: null });
    try {
      const told = against === '' ? null : await difference(requests, key, against, version, whose(panel.state));
      if (still()) {
        this.set({ difference: told });
      }
      const found = await profile(requests, key, version, against, whose(panel.state));
      if (still()) {
        this.set({ profile: found, profiling: false });
      }
    } catch (error) {
      if (still()) {
        this.set({ profiling: false, partProblem: problemOf(error) });
      }
    }
  }
}

/** One bar of a histogram: its place and height from 0 to 1. */
export interface Bar {
  readonly x: number;
  readonly width: number;
  readonly height: number;
}

/** The bars of a column, as shares of the highest of `highest`, so that two that lie over each other are of one measure. */
export function barsOf(column: ColumnPicture, highest = Math.max(0, ...(column.bins ?? []))): Bar[] {
  const bins = column.bins ?? [];
  return bins.map((count, i) => ({ x: i / bins.length, width: 1 / bins.length, height: highest === 0 ? 0 : count / highest }));
}

/** The bins as shares of their rows: tables of different length can be laid over each other. */
export function asShares(column: ColumnPicture): ColumnPicture {
  const rows = (column.bins ?? []).reduce((sum, count) => sum + count, 0) || 1;
  return { ...column, bins: (column.bins ?? []).map(count => count / rows) };
}

/** How far two columns are apart: half the sum of the differences of shares, from 0 (the same) to 1; null where it cannot be told. */
export function distance(a: ColumnPicture, b: ColumnPicture): number | null {
  const [left, right] = [asShares(a).bins ?? [], asShares(b).bins ?? []];
  if (left.length > 0 && left.length === right.length) {
    return left.reduce((sum, share, i) => sum + Math.abs(share - (right[i] ?? 0)), 0) / 2;
  }
  if (a.kind === 'text' && b.kind === 'text' && (a.top ?? []).length > 0) {
    const shares = (column: ColumnPicture): Map<string, number> => {
      const rows = (column.others ?? 0) + (column.top ?? []).reduce((sum, value) => sum + value.count, 0) || 1;
      return new Map([...(column.top ?? []).map(value => [value.text, value.count / rows] as const), ['\u0000', (column.others ?? 0) / rows]]);
    };
    const [first, second] = [shares(a), shares(b)];
    const names = new Set([...first.keys(), ...second.keys()]);
    return [...names].reduce((sum, name) => sum + Math.abs((first.get(name) ?? 0) - (second.get(name) ?? 0)), 0) / 2;
  }
  return null;
}

const DAY = 86_400_000;
const YEAR_2000 = Date.UTC(2000, 0, 1);

/** A moment of a profile (days since 2000-01-01, in the data's own time) as a date, with the time if it has one. */
export function moment(days: number): string {
  const text = new Date(YEAR_2000 + Math.round(days * DAY)).toISOString();
  return Number.isInteger(days) ? text.slice(0, 10) : text.slice(0, 16).replace('T', ' ');
}

/** The eight characters by which two contents are told apart at a glance. */
export function shortDigest(digest: string): string {
  return digest.split(':').at(-1)?.slice(0, 8) ?? '';
}

/** `1,204 × 18`; "" if not known. */
export function shapeText(shape: readonly number[]): string {
  return shape.map(size => size.toLocaleString('en')).join(' × ');
}
