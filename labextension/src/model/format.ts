/** Numbers, times and paths as short text. Pure. */

import type { Metric, Run, Scalar } from '../api/schema';

const MINUS = '\u2212';

/** Four significant digits, without the noise of floating point; whole numbers whole. */
export function number(value: number): string {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : `${MINUS}∞`;
  }
  const size = Math.abs(value);
  const text =
    Number.isInteger(value) && size < 1e6
      ? String(value)
      : size !== 0 && (size < 1e-4 || size >= 1e6)
        ? value.toExponential(2)
        : size >= 1000
          ? value.toFixed(1)
          : value.toPrecision(4);
  return text.replace('-', MINUS);
}

/** Two numbers with six significant digits, or as many as tell them apart. */
export function apart(a: number, b: number): [string, string] {
  const short = (digits: number): [string, string] => [String(Number(a.toPrecision(digits))), String(Number(b.toPrecision(digits)))];
  for (let digits = 6; digits < 17 && a !== b; digits += 1) {
    const [left, right] = short(digits);
    if (left !== right) {
      return [left, right];
    }
  }
  return a === b ? short(6) : [String(a), String(b)];
}

export function scalar(value: Scalar | Scalar[] | undefined): string {
  if (value === undefined || value === null) {
    return 'None';
  }
  if (Array.isArray(value)) {
    return `[${value.map(scalar).join(', ')}]`;
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  return String(value);
}

/** A wall time: `340 ms`, `3.2 s`, `2 m 05 s`, `1 h 12 m`. */
export function duration(seconds: number): string {
  if (seconds < 0.0995) {
    return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  }
  if (seconds < 59.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, '0')} s`;
  }
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} m`;
}

export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** When, as somebody would say it today: the time for today, else the day. `at` in Unix seconds. */
export function when(at: number, now: number = Date.now() / 1000): string {
  const date = new Date(at * 1000);
  const today = new Date(now * 1000).toDateString() === date.toDateString();
  return (today ? TIME : DAY).format(date);
}

/** Made once: a formatter costs more than a row of a table. */
const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

export function folderOf(path: string): string {
  const cut = path.lastIndexOf('/');
  return cut < 0 ? '' : path.slice(0, cut + 1);
}

/** Name of a file without folder and ending. */
export function stem(path: string): string {
  return path.slice(folderOf(path).length).replace(/\.[^.]+$/, '');
}

/** What a run is called: what the user said, else what changed, else its model; "" where only its number tells it. That two classes are models goes without saying. */
export function runTitle(run: Run): string {
  return (run.name ?? '') || (run.change ?? '').replace(/^model (?=\S+→)/, '') || modelClasses(run);
}

/** The classes of a run's models, without their packages. */
export function modelClasses(run: Run): string {
  const names = (run.models ?? []).map(model => model.class_name.replace(/\w+\./g, ''));
  return [...new Set(names)].join(', ');
}

/** The metrics that stand for a run: those without a key, a repeated name once (its newest value). */
export function mainMetrics(run: Run): Metric[] {
  const byName = new Map<string, Metric>();
  for (const metric of run.metrics ?? []) {
    if ((metric.key ?? '') === '') {
      byName.set(metric.name, metric);
    }
  }
  return [...byName.values()];
}

/** Keyed metrics (`auc` by carrier), grouped by name. */
export function keyedMetrics(run: Run): Map<string, Metric[]> {
  const groups = new Map<string, Metric[]>();
  for (const metric of run.metrics ?? []) {
    if ((metric.key ?? '') !== '') {
      groups.set(metric.name, [...(groups.get(metric.name) ?? []), metric]);
    }
  }
  return groups;
}

export type VerdictMark = 'identical' | 'within tolerance' | 'different' | 'input gone' | 'failed' | 'verified before edit' | 'unverified';

/** The verdict that still holds: one given to another slice than the run's own says so. */
export function verdictOf(run: Run): VerdictMark {
  const { verification } = run;
  if (!verification) {
    return 'unverified';
  }
  const edited = (verification.slice_digest ?? '') !== (run.slice_digest ?? '');
  return edited ? 'verified before edit' : verification.verdict;
}
