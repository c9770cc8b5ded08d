/** The table of runs as values: which lines are known, which columns are shown, what a cell says. Pure. */

import type { Named, RunLine, Scalar } from '../api/schema';
import { duration, number, scalar, when } from './format';

export const PAGE = 100;
const METRICS_FIRST = 3;
const PARAMS_FIRST = 4;

export interface Order {
  readonly column: string;
  readonly down: boolean;
}

/** What is known of the table: pages by number, and how many lines there are in all. */
export interface Rows {
  readonly total: number;
  readonly order: Order | null;
  readonly pages: Readonly<Record<number, readonly RunLine[]>>;
  readonly baseline: RunLine | null;
}

export const NO_ROWS: Rows = { total: 0, order: null, pages: {}, baseline: null };

export type ColumnKind = 'metric' | 'param' | 'seconds' | 'started' | 'verdict' | 'tags' | 'experiment' | 'run';

export interface Column {
  /** What it is remembered by, and ordered by where the server can: `metrics.auc`. */
  readonly key: string;
  readonly kind: ColumnKind;
  readonly name: string;
  readonly sortable: boolean;
  /** Whether it holds numbers, which stand below each other by their ends. */
  readonly isNumber: boolean;
  readonly width: number;
}

export function lineAt(rows: Rows, index: number): RunLine | undefined {
  return rows.pages[Math.floor(index / PAGE)]?.[index % PAGE];
}

/** The pages that lines `first` to `last` stand on. */
export function pagesOf(first: number, last: number): number[] {
  const from = Math.floor(Math.max(0, first) / PAGE);
  const to = Math.floor(Math.max(0, last) / PAGE);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** The order as the server's grammar says it. */
export function orderWords(order: Order | null): string {
  return order === null ? '' : `${order.column} ${order.down ? 'desc' : 'asc'}`;
}

/** A press on a header: first the way that is asked for most, then the other, then none. */
export function turned(order: Order | null, column: string): Order | null {
  if (order?.column !== column) {
    return { column, down: true };
  }
  return order.down ? { column, down: false } : null;
}

/** A name in the grammar of searches: between backquotes unless it is plain. */
export function quoted(group: 'metrics' | 'params', name: string): string {
  if (/^\w+$/.test(name)) {
    return `${group}.${name}`;
  }
  return name.includes('`') ? `${group}."${name}"` : `${group}.\`${name}\``;
}

function widthOf(name: string, least: number): number {
  return Math.min(150, Math.max(least, Math.round(name.length * 6.6) + 26));
}

export function columnOf(kind: 'metric' | 'param', name: string, isNumber = kind === 'metric'): Column {
  const width = widthOf(name, kind === 'metric' ? 92 : 76);
  return { key: quoted(kind === 'metric' ? 'metrics' : 'params', name), kind, name, sortable: true, isNumber, width };
}

const FIXED: Readonly<Record<'experiment' | 'verdict' | 'tags' | 'seconds' | 'started', Column>> = {
  experiment: { key: 'experiment', kind: 'experiment', name: 'experiment', sortable: false, isNumber: false, width: 110 },
  verdict: { key: 'verdict', kind: 'verdict', name: 'verified', sortable: false, isNumber: false, width: 116 },
  tags: { key: 'tags', kind: 'tags', name: 'tags', sortable: false, isNumber: false, width: 120 },
  seconds: { key: 'seconds', kind: 'seconds', name: 'time', sortable: false, isNumber: true, width: 76 },
  started: { key: 'started', kind: 'started', name: 'started', sortable: true, isNumber: true, width: 92 }
};

/** Names by how many lines have them, most first; with whether their value is not the same in all. */
function tally(lines: readonly RunLine[], of: 'metrics' | 'params'): { name: string; lines: number; varies: boolean }[] {
  const seen = new Map<string, { lines: number; values: Set<string> }>();
  for (const line of lines) {
    for (const [name, value] of Object.entries(line[of] ?? {})) {
      const held = seen.get(name) ?? { lines: 0, values: new Set<string>() };
      held.lines += 1;
      if (held.values.size < 2) {
        held.values.add(JSON.stringify(value));
      }
      seen.set(name, held);
    }
  }
  const found = [...seen].map(([name, held]) => ({ name, lines: held.lines, varies: held.values.size > 1 || held.lines < lines.length }));
  return found.sort((a, b) => b.lines - a.lines);
}

/** The names that something is drawn or listed by, when nobody has chosen: metrics, and the params that differ. */
export function telling(lines: readonly RunLine[]): { metrics: string[]; params: string[] } {
  const params = tally(lines, 'params').filter(one => one.varies);
  return { metrics: tally(lines, 'metrics').map(one => one.name), params: params.map(one => one.name) };
}

/** The columns that are shown when nobody has chosen. */
export function defaultKeys(lines: readonly RunLine[], several: boolean): Set<string> {
  const { metrics, params } = telling(lines);
  return new Set([
    ...(several ? ['experiment'] : []),
    ...metrics.slice(0, METRICS_FIRST).map(name => quoted('metrics', name)),
    ...params.slice(0, PARAMS_FIRST).map(name => quoted('params', name)),
    ...(lines.some(line => Object.keys(line.tags ?? {}).length > 0) ? ['tags'] : []),
    'seconds', 'started'
  ]);
}

/** All columns that there are: those of the lines that are known and those that the server named. */
export function allColumns(lines: readonly RunLine[], named: readonly Named[]): Column[] {
  const { metrics } = telling(lines);
  const params = tally(lines, 'params').map(one => one.name);
  const of = (kind: Named['kind'], here: readonly string[]): Column[] => {
    const names = [...here, ...named.filter(one => one.kind === kind).map(one => one.name)];
    const isNumber = (name: string): boolean => kind === 'metric' || lines.every(line => ['number', 'undefined'].includes(typeof line.params?.[name]));
    return [...new Set(names)].map(name => columnOf(kind, name, isNumber(name)));
  };
  return [FIXED.experiment, ...of('metric', metrics), ...of('param', params), FIXED.tags, FIXED.verdict, FIXED.seconds, FIXED.started];
}

/** JSON has no word for what is no number: it comes as text. */
export function numeric(value: Scalar | Scalar[] | undefined): number {
  if (typeof value === 'number') {
    return value;
  }
  return typeof value === 'string' && /^-?inf$/.test(value) ? Number(value.replace('inf', 'Infinity')) : NaN;
}

/** What a line says in a column; "" for nothing. */
export function cellText(line: RunLine, column: Column, now?: number): string {
  switch (column.kind) {
    case 'metric': {
      const value = line.metrics?.[column.name];
      return value === undefined ? '' : number(numeric(value));
    }
    case 'param': {
      const value = line.params?.[column.name];
      return value === undefined ? '' : scalar(value);
    }
    case 'seconds': return typeof line.seconds === 'number' ? duration(line.seconds) : '';
    case 'started': return when(line.started, now);
    case 'verdict': return line.verdict ?? '';
    case 'experiment': return line.experiment;
    case 'run': return `#${line.number}`;
    case 'tags': return tagWords(line.tags ?? {});
  }
}

export function tagWords(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags).map(([name, value]) => (value === '' ? name : `${name}=${value}`)).join(', ');
}

/** How a metric differs from the baseline's, with its sign; "" where there is nothing to say. */
export function difference(line: RunLine, column: Column, baseline: RunLine | null): string {
  if (column.kind !== 'metric' || baseline === null || baseline.id === line.id) {
    return '';
  }
  const delta = numeric(line.metrics?.[column.name]) - numeric(baseline.metrics?.[column.name]);
  if (Number.isNaN(delta)) {
    return '';
  }
  return deltaText(delta);
}

/** A difference with its sign: three digits that say something, and no zeros after them. */
export function deltaText(delta: number): string {
  const text = String(Number(delta.toPrecision(3))).replace('-', '\u2212');
  return delta > 0 ? `+${text}` : text;
}

/** `paper`, `kind=best`: a tag as a person types it. */
export function tagFrom(text: string): [string, string] {
  const [name = '', ...value] = text.split('=');
  return [name.trim(), value.join('=').trim()];
}
