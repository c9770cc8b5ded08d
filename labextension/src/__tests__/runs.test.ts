import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '../api/client';
import type { Overview, RunLine, RunWindow } from '../api/schema';
import { RunsModel } from '../model/runs';
import { ChartsModel } from '../model/runs-charts';
import { CompareModel, dataWords, diffLines } from '../model/runs-compare';
import { axisOf, csv, curvesCsv, dimensions, logTicks, runsCsv, within } from '../model/runs-plots';
import { allColumns, cellText, columnOf, defaultKeys, difference, numeric, orderWords, pagesOf, quoted, tagFrom, turned } from '../model/runs-table';
import { EMPTY } from '../model/state';
import { fakeSurroundings, liveOf, runOf } from './fakes';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const rest = (): Promise<unknown> => vi.advanceTimersByTimeAsync(600);

function lineOf(id: string, part: Partial<RunLine> = {}): RunLine {
  return { id, number: 1, title: 'C 1→2', experiment: 'delays', experiment_id: 'e1', session: 's1', state: 'finished', started: 1000, ...part };
}

const OVERVIEW: Overview = { total: 3, newest: [runOf('r3')], best: null, starred: [], baseline: null, days: [{ day: '2026-03-01', offset: 1, runs: 2 }], zone: 'UTC' };
const WINDOW: RunWindow = { total: 250, offset: 0, lines: [lineOf('r1')], baseline: null };

function bench(answers: Record<string, unknown>): { model: RunsModel; answers: Record<string, unknown>; asked: [string, string, unknown][] } {
  const { around, requests } = fakeSurroundings(answers, { ...EMPTY, live: liveOf() });
  const model = new RunsModel(around);
  model.show();
  return { model, answers, asked: requests.asked };
}

describe('the model of runs', () => {
  it('asks for an overview of the experiment as a list, for a window as a table', async () => {
    const { model, asked } = bench({ 'runs/overview': OVERVIEW, 'runs/table': WINDOW });
    await rest();
    expect(asked[0]?.[1]).toBe('runs/overview');
    expect(asked[0]?.[2]).toMatchObject({ experiment: 'e1' });
    model.showTable(true);
    model.sort('metrics.auc');
    await rest();
    expect(asked.at(-1)).toEqual(['GET', 'runs/table', { experiment: 'e1', filter: '', order_by: 'metrics.auc desc', offset: 0, limit: 100 }]);
    expect(model.state.rows.total).toBe(250);
  });

  it('asks for pages as they come into sight, each once', async () => {
    const { model, asked } = bench({ 'runs/table': WINDOW, 'runs/overview': OVERVIEW });
    model.showTable(true);
    await rest();
    model.want(90, 130);
    model.want(95, 135);
    await rest();
    const offsets = asked.filter(([, route]) => route === 'runs/table').map(([, , given]) => (given as { offset: number }).offset);
    expect(offsets).toEqual([0, 100]);
  });

  it('says what is wrong with a filter and keeps what it had', async () => {
    const { model, answers } = bench({ 'runs/overview': OVERVIEW });
    await rest();
    answers['runs/overview'] = new ApiError('the filter cannot be read at its end', 'metrics.auc > 0.9', 400);
    model.search('metrics.auc >');
    await rest();
    expect(model.state).toMatchObject({ refused: { message: 'the filter cannot be read at its end' }, problem: null, overview: { total: 3 } });
    answers['runs/overview'] = OVERVIEW;
    model.search('');
    await rest();
    expect(model.state.refused).toBeNull();
  });

  it('asks for a day when it is unfolded, by its place in the list', async () => {
    const { model, asked } = bench({ 'runs/overview': OVERVIEW, runs: [runOf('r2'), runOf('r1')] });
    await rest();
    await model.unfold('2026-03-01');
    expect(asked.at(-1)?.[2]).toMatchObject({ offset: 1, limit: 2 });
    expect(model.state.days['2026-03-01']).toHaveLength(2);
    await model.unfold('2026-03-01');
    expect(model.state.days).toEqual({});
  });

  it('can take a deletion back until something else is done', async () => {
    const { model, asked } = bench({ 'runs/overview': OVERVIEW, 'DELETE runs/r3': runOf('r3'), 'POST runs/r3/restore': runOf('r3'), 'POST runs/r2/remark': runOf('r2') });
    await rest();
    await model.delete(['r3'], '#3');
    expect(model.state.undo).toEqual({ run: 'r3', label: '#3' });
    await model.undo();
    expect(asked.some(([method, route]) => method === 'POST' && route === 'runs/r3/restore')).toBe(true);
    await model.delete(['r3'], '#3');
    await model.say(['r2'], { starred: true });
    expect(model.state.undo).toBeNull();
  });

  it('shows a star at once, wherever the run stands', async () => {
    const { model } = bench({ 'runs/overview': OVERVIEW, 'POST runs/r3/remark': runOf('r3', { starred: true, tags: { a: '' } }) });
    await rest();
    await model.say(['r3'], { starred: true });
    expect(model.state.overview?.newest[0]).toMatchObject({ starred: true, tags: { a: '' } });
  });
});

describe('pages about runs', () => {
  it('compare two, and the newest with the run before it', async () => {
    const compared = { a: lineOf('r1'), b: lineOf('r2'), found: { a: 'r1', b: 'r2' } };
    const { around, requests } = fakeSurroundings({ 'runs/r2/changes': compared });
    const model = new CompareModel(around);
    model.show();
    model.compare('r2', '');
    await rest();
    expect(requests.asked.at(-1)).toEqual(['GET', 'runs/r2/changes', { since: '' }]);
    expect(model.state.of).toBe('r2 ');
  });

  it('draw those of every experiment where the list shows all', async () => {
    const { around, requests } = fakeSurroundings({ 'runs/table': WINDOW, 'runs/curves': [] }, { ...EMPTY, live: liveOf() });
    const model = new ChartsModel(around);
    model.show();
    model.draw('everywhere', 'state = finished');
    await rest();
    expect(requests.asked[0]?.[2]).toMatchObject({ experiment: '', filter: 'state = finished' });
  });

  it('draw the runs that were chosen, or the newest thousand', async () => {
    const { around, requests } = fakeSurroundings({ 'runs/table': WINDOW, 'runs/curves': [] }, { ...EMPTY, live: liveOf() });
    const model = new ChartsModel(around);
    model.show();
    model.draw("r1,it's", '');
    await rest();
    expect(requests.asked[0]?.[2]).toMatchObject({ experiment: '', filter: "id in ('r1', 'it''s')" });
    model.draw('all', 'state = finished');
    await rest();
    expect(requests.asked.filter(([, route]) => route === 'runs/table').at(-1)?.[2]).toMatchObject({ experiment: 'e1', filter: 'state = finished', limit: 1000 });
  });
});

describe('a table of runs', () => {
  const lines = [
    lineOf('r1', { params: { C: 1, solver: 'saga', same: 1 }, metrics: { auc: 0.75 } }),
    lineOf('r2', { params: { C: 2, solver: 'lbfgs', same: 1 }, metrics: { auc: 0.5, loss: 1 } })
  ];

  it('begins with the metrics and the params that differ', () => {
    expect([...defaultKeys(lines, false)]).toEqual(['metrics.auc', 'metrics.loss', 'params.C', 'params.solver', 'seconds', 'started']);
    const columns = allColumns(lines, [{ kind: 'param', name: 'rare', runs: 1 }]);
    expect(columns.map(column => column.key)).toContain('params.rare');
    expect(columns.find(column => column.name === 'solver')?.isNumber).toBe(false);
  });

  it('orders down, up, and not at all', () => {
    const down = turned(null, 'metrics.auc');
    expect([orderWords(down), orderWords(turned(down, 'metrics.auc')), turned(turned(down, 'metrics.auc'), 'metrics.auc')]).toEqual(['metrics.auc desc', 'metrics.auc asc', null]);
    expect([quoted('metrics', 'auc[y]'), quoted('params', 'a`b')]).toEqual(['metrics.`auc[y]`', 'params."a`b"']);
  });

  it('tells differences to the baseline, and what is no number', () => {
    const [first = lineOf('x'), second = null] = lines;
    expect(difference(first, columnOf('metric', 'auc'), second)).toBe('+0.25');
    expect(difference(first, columnOf('metric', 'loss'), second)).toBe('');
    expect(cellText(lineOf('r', { metrics: { auc: 'nan' as unknown as number } }), columnOf('metric', 'auc'))).toBe('NaN');
    expect([numeric('-inf'), numeric('nan'), numeric('12')]).toEqual([-Infinity, NaN, NaN]);
    expect(tagFrom(' kind = best=1 ')).toEqual(['kind', 'best=1']);
    expect(pagesOf(90, 210)).toEqual([0, 1, 2]);
  });
});

describe('charts', () => {
  const lines = [1, 10, 100].map(C => lineOf(`r${C}`, { params: { C, solver: C > 5 ? 'saga' : 'lbfgs' }, metrics: { auc: C / 200 } }));
  const C = { kind: 'param', name: 'C' } as const;
  const solver = { kind: 'param', name: 'solver' } as const;

  it('place numbers over orders of magnitude by their logarithm, words side by side', () => {
    const axis = axisOf(lines, C, 0, 100);
    expect(lines.map(line => axis.at(line))).toEqual([0, 50, 100]);
    expect(axis.words(50)).toBe('10');
    expect(axisOf(lines, solver, 0, 100).ticks.map(tick => tick.text)).toEqual(['lbfgs', 'saga']);
    expect(axisOf(lines, C, 0, 100).at(lineOf('none'))).toBeNull();
    expect(dimensions(lines)).toEqual({ metrics: [{ kind: 'metric', name: 'auc' }], params: [C, solver] });
  });

  it('have a mark at both ends of a logarithmic axis, and none upon another', () => {
    const tried = [1, 15, 26, 150].map(k => lineOf(`r${k}`, { params: { k } }));
    const axis = (ticks: number): string => axisOf(tried, { kind: 'param', name: 'k' }, 0, 100, ticks).ticks.map(tick => tick.text).join(' ');
    expect(axis(8)).toBe('1 2 5 10 20 50 100 200');
    expect(axis(4)).toBe('1 2 5 10 20 50 100 200');
    expect(axis(2)).toBe('1 10 200');
    expect(logTicks(0.00001, 50, 5)).toEqual([0.00001, 0.0001, 0.001, 0.01, 0.1, 1, 10, 50]);
    expect(logTicks(2, 50, 1)).toEqual([2, 10, 50]);
  });

  it('hold the runs within all brushes', () => {
    const axes = [axisOf(lines, C, 100, 0), axisOf(lines, { kind: 'metric', name: 'auc' }, 100, 0)];
    expect(lines.filter(line => within(line, axes, { 'param:C': [0, 60] })).map(line => line.id)).toEqual(['r10', 'r100']);
  });

  it('become CSV in which nothing is a formula', () => {
    expect(csv([['=cmd()', 'a,b', -1, '-2']])).toBe('\'=cmd(),"a,b",-1,-2\r\n');
    expect(runsCsv(lines.slice(0, 1), [C])).toBe('id,number,title,C\r\nr1,1,C 1→2,1\r\n');
    expect(curvesCsv([{ run: 'r1', number: 1, title: '', metric: 'loss', steps: [0, 5], values: [1, 0.5] }])).toContain('r1,1,loss,5,0.5');
  });
});

describe('what changed', () => {
  it('reads a unified diff as lines', () => {
    expect(diffLines('@@ -1,2 +1,2 @@\n a\n-b\n+c\n@@ -9 +9 @@\n d').map(line => line.mark + line.text)).toEqual([' a', '-b', '+c', '@', ' d']);
  });

  it('says of data which columns and rows', () => {
    const words = dataWords({
      name: 'flights', kind: 'changed',
      detail: { changed: [{ name: 'a', rows: [[0, 5]] }, { name: 'b', rows: [[0, 5]] }, { name: 'c', type_a: 'int64', type_b: 'string' }], added: ['d'], appended: 7, unchanged: 100 }
    });
    expect(words).toEqual([
      { what: 'rows', columns: ['a', 'b'], stretches: [[0, 5]] }, { what: 'type', column: 'c', a: 'int64', b: 'string' },
      { what: 'added', columns: ['d'] }, { what: 'appended', rows: 7, unchanged: 100, open: 0 }
    ]);
  });
});
