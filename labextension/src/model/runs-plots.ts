/** Runs as points and lines: what can be drawn along an axis, where a value stands on it, and the same as CSV. Pure. */

import { scaleLinear, scaleLog, scalePoint } from 'd3-scale';

import type { Curve, RunLine } from '../api/schema';
import { number, scalar } from './format';
import { numeric, telling } from './runs-table';

/** A metric or a param, as something to draw along. */
export interface Dimension {
  readonly kind: 'metric' | 'param';
  readonly name: string;
}

export interface Tick {
  readonly at: number;
  readonly text: string;
}

export interface Axis {
  readonly dimension: Dimension;
  /** Where a run stands, in pixels; null where it has no such value. */
  readonly at: (line: RunLine) => number | null;
  readonly ticks: readonly Tick[];
  /** What stands at a place, in words. */
  readonly words: (pixel: number) => string;
}

const MOST_WORDS = 30;

export function dimensionKey(one: Dimension): string {
  return `${one.kind}:${one.name}`;
}

/** Metrics, and the params that are not the same in all. */
export function dimensions(lines: readonly RunLine[]): { metrics: Dimension[]; params: Dimension[] } {
  const { metrics, params } = telling(lines);
  return {
    metrics: metrics.map(name => ({ kind: 'metric', name })),
    params: params.filter(name => new Set(lines.map(line => wordOf(line, { kind: 'param', name }))).size <= MOST_WORDS || isNumeric(lines, { kind: 'param', name }))
      .map(name => ({ kind: 'param', name }))
  };
}

/** The value as text; "" for none. */
export function wordOf(line: RunLine, one: Dimension): string {
  const value = one.kind === 'metric' ? line.metrics?.[one.name] : line.params?.[one.name];
  return value === undefined ? '' : typeof value === 'number' ? number(value) : scalar(value);
}

export function valueOf(line: RunLine, one: Dimension): number {
  return numeric(one.kind === 'metric' ? line.metrics?.[one.name] : line.params?.[one.name]);
}

/** Whether every run that has the value has a number. */
function isNumeric(lines: readonly RunLine[], one: Dimension): boolean {
  const held = lines.filter(line => wordOf(line, one) !== '');
  return held.length > 0 && held.every(line => one.kind === 'metric' || typeof line.params?.[one.name] === 'number');
}

/** Numbers from low to high along `from` to `to` pixels, by their logarithm where they span orders of magnitude. */
export function axisOf(lines: readonly RunLine[], dimension: Dimension, from: number, to: number, ticks = 5): Axis {
  return isNumeric(lines, dimension) ? numberAxis(lines, dimension, [from, to], ticks) : wordAxis(lines, dimension, [from, to]);
}

/** The ends of the finite values; [0, 1] of none. */
export function ends(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (Number.isFinite(value)) {
      [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  if (low > high) {
    return [0, 1];
  }
  const pad = low === high ? Math.abs(low) * 0.1 || 1 : 0;
  return [low - pad, high + pad];
}

function numberAxis(lines: readonly RunLine[], dimension: Dimension, range: [number, number], count: number): Axis {
  const [low, high] = ends(lines.map(line => valueOf(line, dimension)));
  const isLog = low > 0 && high / low >= 20;
  const scale = isLog ? scaleLog([below(low), above(high)], range) : scaleLinear([low, high], range).nice(count);
  const ticks = isLog ? logTicks(below(low), above(high), count) : scale.ticks(count);
  return {
    dimension,
    at: line => {
      const value = valueOf(line, dimension);
      return Number.isFinite(value) ? scale(value) : null;
    },
    ticks: ticks.map(value => ({ at: scale(value), text: short(value) })),
    words: pixel => number(Number(scale.invert(pixel).toPrecision(4)))
  };
}

const STEPS = [1, 2, 5, 10];

/** 1, 2 or 5 times a power of ten, at most `value`; and at least that. */
function below(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return clean(power * ([...STEPS].reverse().find(step => step * power <= value * (1 + 1e-9)) ?? 1));
}

function above(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return clean(power * (STEPS.find(step => step * power >= value * (1 - 1e-9)) ?? 10));
}

/** Without what a power of ten has lost: 0.00001 is no 0.000009999999999999999. */
function clean(value: number): number {
  return Number(value.toPrecision(6));
}

/** Values at even distances as far as 1, 2 and 5 times a power of ten are that; both ends among them, however few there are. */
export function logTicks(low: number, high: number, count: number): number[] {
  const powers = Array.from({ length: Math.ceil(Math.log10(high / low)) + 2 }, (_, i) => 10 ** (Math.floor(Math.log10(low)) + i));
  const inside = powers.flatMap(power => [1, 2, 5].map(step => clean(power * step))).filter(value => value > low && value < high);
  const gap = Math.log(high / low) / (2 * count);
  const tens = inside.filter(value => Number.isInteger(clean(Math.log10(value))));
  const kept = [low];
  for (const value of inside.length <= 2 * count ? inside : tens) {
    if (Math.log(value / (kept.at(-1) ?? low)) >= gap && Math.log(high / value) >= gap) {
      kept.push(value);
    }
  }
  return [...kept, high];
}

/** A number at a tick: without zeros that say nothing. */
export function short(value: number): string {
  const text = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(0) : String(Number(value.toPrecision(4)));
  return text.replace('-', '\u2212');
}

function wordAxis(lines: readonly RunLine[], dimension: Dimension, range: [number, number]): Axis {
  const words = [...new Set(lines.map(line => wordOf(line, dimension)).filter(word => word !== ''))].sort().slice(0, MOST_WORDS);
  const scale = scalePoint(words, range).padding(0.5);
  return {
    dimension,
    at: line => scale(wordOf(line, dimension)) ?? null,
    ticks: words.map(word => ({ at: scale(word) ?? 0, text: word })),
    words: pixel => words.reduce((best, word) => (Math.abs((scale(word) ?? 0) - pixel) < Math.abs((scale(best) ?? 0) - pixel) ? word : best), words[0] ?? '')
  };
}

/** A part of an axis that is brushed, in pixels, the smaller first. */
export type Brush = readonly [number, number];

/** Whether a run goes through every brushed part. */
export function within(line: RunLine, axes: readonly Axis[], brushes: Readonly<Record<string, Brush>>): boolean {
  return axes.every(axis => {
    const brush = brushes[dimensionKey(axis.dimension)];
    const at = axis.at(line);
    return brush === undefined || (at !== null && at >= brush[0] - 0.5 && at <= brush[1] + 0.5);
  });
}

/** The names of the metrics that have a course. */
export function courses(curves: readonly Curve[]): string[] {
  return [...new Set(curves.map(curve => curve.metric))];
}

/** A cell of CSV. Text that a spreadsheet would take for a formula is marked as text. */
function csvCell(value: string | number): string {
  const text = typeof value === 'number' ? String(value) : /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map(row => row.map(csvCell).join(',')).join('\r\n') + '\r\n';
}

/** Runs with these dimensions as CSV. */
export function runsCsv(lines: readonly RunLine[], shown: readonly Dimension[]): string {
  const raw = (line: RunLine, one: Dimension): string | number => {
    const value = one.kind === 'metric' ? line.metrics?.[one.name] : line.params?.[one.name];
    return value === undefined ? '' : typeof value === 'number' ? value : scalar(value);
  };
  return csv([['id', 'number', 'title', ...shown.map(one => one.name)], ...lines.map(line => [line.id, line.number, line.title, ...shown.map(one => raw(line, one))])]);
}

export function curvesCsv(curves: readonly Curve[]): string {
  return csv([['id', 'number', 'metric', 'step', 'value'], ...curves.flatMap(curve => curve.values.map((value, i) => [curve.run, curve.number, curve.metric, curve.steps[i] ?? i, numeric(value)]))]);
}
