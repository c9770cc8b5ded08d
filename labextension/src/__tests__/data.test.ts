import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '../api/client';
import type { ColumnPicture, DatasetPage, DatasetProfile, DatasetRow } from '../api/schema';
import { asShares, barsOf, DataModel, DatasetModel, distance, filtered, moment, shapeText, shortDigest } from '../model/data';
import { EMPTY } from '../model/state';
import { fakeSurroundings, liveOf } from './fakes';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());
const rest = (): Promise<unknown> => vi.advanceTimersByTimeAsync(500);

const ROW: DatasetRow = { key: 'k', name: 'data/flights.csv', kind: 'file', last: 5, versions: 2 };
const PAGE: DatasetPage = { dataset: ROW, versions: [{ id: 'new', first: 4, last: 5, digest: 'fp1:xxh3-128:0123456789ab' }, { id: 'old', first: 1, last: 2 }] };
const PROFILE: DatasetProfile = { version: 'new', against: '', rows: 3, columns: [], missing: '', remedy: '', rows_against: null, columns_against: [], missing_against: '' };
const DIFFERENCE = { a: 'old', b: 'new', change: null, types: [] };
const HERE = { ...EMPTY, path: 'a.ipynb', live: liveOf() };

const numbers = (bins: number[]): ColumnPicture => ({ name: 'x', type: 'float64', kind: 'number', count: 10, bins });
const texts = (top: Record<string, number>, others = 0): ColumnPicture => ({
  name: 'x', type: 'string', kind: 'text', count: 10, others, top: Object.entries(top).map(([text, count]) => ({ text, count }))
});

describe('the list of datasets', () => {
  it('is of the notebook in front, and of none without one', async () => {
    const { around, requests, panel } = fakeSurroundings({ datasets: { experiment: 'e', sessions: 1, runs: 0, datasets: [ROW] } });
    const model = new DataModel(around);
    model.show();
    await rest();
    expect(requests.asked).toEqual([]);
    panel.to(HERE);
    await rest();
    expect(requests.asked).toEqual([['GET', 'datasets', { kernel: 'k1', path: 'a.ipynb' }]]);
    expect(model.state.found?.datasets).toEqual([ROW]);
  });

  it('is filtered by name, kind and role', () => {
    const rows: DatasetRow[] = [ROW, { key: 'x', name: 'X', kind: 'value', last: 1, roles: ['X'] }];
    expect(filtered(rows, 'FLIGHTS').map(row => row.key)).toEqual(['k']);
    expect(filtered(rows, 'value').map(row => row.key)).toEqual(['x']);
    expect(filtered(rows, '')).toHaveLength(2);
  });
});

describe('one dataset', () => {
  const start = (answers: Record<string, unknown> = {}): ReturnType<typeof fakeSurroundings> & { model: DatasetModel } => {
    const fakes = fakeSurroundings({ 'datasets/k': PAGE, 'datasets/k/profile': PROFILE, 'datasets/k/difference': DIFFERENCE, ...answers }, HERE);
    const model = new DatasetModel(fakes.around);
    model.open('k');
    model.show();
    return { ...fakes, model };
  };

  it('begins with its newest version and takes its statistics', async () => {
    const { model, requests } = start();
    await rest();
    expect(model.state).toMatchObject({ version: 'new', against: '', profile: PROFILE, profiling: false });
    expect(requests.asked.map(([, route]) => route)).toEqual(['datasets/k', 'datasets/k/profile']);
  });

  it('is laid over another version', async () => {
    const { model, requests } = start();
    await rest();
    model.compare('new', 'old');
    await rest();
    expect(requests.asked.at(-2)).toEqual(['GET', 'datasets/k/difference', { a: 'old', b: 'new', kernel: 'k1', path: 'a.ipynb' }]);
    expect(model.state.difference).toEqual(DIFFERENCE);
  });

  it('shows its versions though there are no statistics, and why', async () => {
    const { model } = start({ 'datasets/k/profile': new ApiError('not allowed to read files', 'ask', 403) });
    await rest();
    expect(model.state.page).toEqual(PAGE);
    expect(model.state).toMatchObject({ problem: null, profiling: false, partProblem: { message: 'not allowed to read files' } });
  });

  it('asks for statistics once, however often something else happens', async () => {
    const { requests, changes } = start();
    await rest();
    changes.emit({ noun: 'run' });
    await rest();
    expect(requests.asked.filter(([, route]) => route.endsWith('profile'))).toHaveLength(1);
  });

  it('forgets the other one when another is opened', async () => {
    const { model } = start();
    await rest();
    model.open('other');
    expect(model.state).toMatchObject({ key: 'other', page: null, profile: null, loading: true });
    await rest();
    expect(model.state.problem?.message).toContain('datasets/other');
  });
});

describe('the pictures', () => {
  it('have bars of one measure', () => {
    expect(barsOf(numbers([1, 2])).map(bar => bar.height)).toEqual([0.5, 1]);
    expect(barsOf(numbers([0, 0])).map(bar => bar.height)).toEqual([0, 0]);
    expect(asShares(numbers([1, 3])).bins).toEqual([0.25, 0.75]);
  });

  it('tell how far two columns are apart', () => {
    expect(distance(numbers([1, 1]), numbers([5, 5]))).toBe(0);
    expect(distance(numbers([1, 0]), numbers([0, 9]))).toBe(1);
    expect(distance(texts({ a: 5, b: 5 }), texts({ a: 10 }))).toBeCloseTo(0.5);
    expect(distance(numbers([1]), numbers([1, 2]))).toBeNull();
  });

  it('name moments, shapes and contents shortly', () => {
    expect(moment(0)).toBe('2000-01-01');
    expect(moment(1.5)).toBe('2000-01-02 12:00');
    expect(shapeText([1204, 18])).toBe('1,204 × 18');
    expect(shortDigest('fp1:xxh3-128:0123456789ab')).toBe('01234567');
    expect(shortDigest('')).toBe('');
  });
});
