import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';
import { afterEach, describe, expect, it } from 'vitest';

import type { Compared, Overview, RunLine } from '../api/schema';
import { EMPTY, type PanelState } from '../model/state';
import { on } from '../model/trail';
import { Panel } from '../views/panel';
import { svgText } from '../views/runs/export';
import { fakeActions, fakeSurroundings, liveOf, runOf, type FakeRequests } from './fakes';

afterEach(cleanup);

const HOSTILE = '<img src=x onerror=alert(1)>';

async function show(view: string, subject: string, answers: Record<string, unknown>): Promise<{ asked: unknown[][]; requests: FakeRequests }> {
  const state: PanelState = { ...EMPTY, phase: 'tracked', live: liveOf(), trail: on(EMPTY.trail, { view, subject, other: '' }) };
  const { actions, asked } = fakeActions();
  const { around, requests } = fakeSurroundings(answers, state);
  render(<Panel state={state} actions={actions} around={around} />);
  await act(() => new Promise(done => setTimeout(done, 30)));
  return { asked, requests };
}

const click = (element: HTMLElement): Promise<void> => act(async () => {
  fireEvent.click(element);
  await new Promise(done => setTimeout(done, 10));
});

function overview(part: Partial<Overview> = {}): Overview {
  return { total: 3, newest: [runOf('r3', { number: 3, name: HOSTILE, tags: { [HOSTILE]: HOSTILE } })], best: null, starred: [], baseline: null, days: [], zone: 'UTC', ...part };
}

const line = (id: string, number: number, part: Partial<RunLine> = {}): RunLine => ({
  id, number, title: `run ${number}`, experiment: 'delays', experiment_id: 'e1', session: 's1', state: 'finished', started: 1000, ...part
});

describe('the Runs tab', () => {
  it('shows the best with its metric and direction, and days with their counts', async () => {
    const best = { metric: 'log_loss', least: true, goal: true, run: runOf('r1', { metrics: [{ name: 'log_loss', value: 0.25 }] }) };
    await show('runs', '', { 'runs/overview': overview({ best, days: [{ day: '2026-03-01', offset: 1, runs: 2 }] }) });
    expect(screen.getByText('Lowest log_loss, the goal’s metric')).toBeTruthy();
    expect(screen.getByTestId('mlops-day').textContent).toContain('2 runs');
  });

  it('shows what is stored as text, never as markup', async () => {
    await show('runs', '', { 'runs/overview': overview() });
    expect(screen.getAllByTitle(HOSTILE)).toHaveLength(1);
    expect(document.querySelector('img')).toBeNull();
  });

  it('names the experiment of each run where they are of all', async () => {
    const { requests } = await show('runs', '', { 'runs/overview': overview({ newest: [runOf('r3', { experiment: 'delays' })], starred: [runOf('r1', { experiment: 'prices' })] }) });
    const lines = (): string => screen.getAllByTestId('mlops-run').map(card => card.querySelector('.jp-mlops-run-sub')?.textContent ?? '').join('|');
    expect(lines()).not.toContain('delays');
    await click(screen.getByRole('checkbox', { name: 'all experiments' }));
    await act(() => new Promise(done => setTimeout(done, 30)));
    expect(lines()).toMatch(/^prices · .+\|delays · /);
    expect(requests.asked.at(-1)?.[2]).toMatchObject({ experiment: '' });
    expect(screen.getByTestId('mlops-charts').dataset.leads).toBe('charts:everywhere');
  });

  it('says how runs come about where there are none', async () => {
    await show('runs', '', { 'runs/overview': overview({ total: 0, newest: [] }) });
    expect(screen.getByTestId('mlops-no-runs').textContent).toContain('Each fit and each metric');
  });

  it('stars, tags and deletes a run, with a way back', async () => {
    const { requests } = await show('runs', '', {
      'runs/overview': overview({ newest: [runOf('r3', { number: 3 })] }), 'POST runs/r3/remark': runOf('r3', { starred: true }), 'DELETE runs/r3': runOf('r3'), 'POST runs/r3/restore': runOf('r3')
    });
    await click(screen.getByTestId('mlops-star'));
    expect(requests.asked).toContainEqual(['POST', 'runs/r3/remark', { starred: true }]);
    expect(screen.getByTestId('mlops-star').getAttribute('aria-pressed')).toBe('true');
    await click(screen.getByRole('button', { name: /Tags of/ }));
    fireEvent.change(screen.getByLabelText(/New tag/), { target: { value: 'paper=2' } });
    await click(screen.getByRole('button', { name: 'Add' }));
    expect(requests.asked).toContainEqual(['POST', 'runs/r3/remark', { tags: { paper: '2' } }]);
    await click(screen.getByTestId('mlops-delete'));
    expect(within(screen.getByTestId('mlops-deleted')).getByText('Deleted #3.')).toBeTruthy();
    await click(screen.getByTestId('mlops-undo'));
    expect(screen.queryByTestId('mlops-deleted')).toBeNull();
  });
});

describe('what changed', () => {
  const compared: Compared = {
    a: line('r1', 1), b: line('r2', 2),
    found: {
      a: 'r1', b: 'r2', metrics: [{ name: 'auc', a: 0.5, b: 0.75, delta: 0.25 }], params: [{ name: 'C', a: 1, b: 2 }],
      code: [{ kind: 'changed', diff: `@@ -1 +1 @@\n-a\n+${HOSTILE}`, a: 1, b: 1 }], packages: [{ name: 'numpy', a: '2.0', b: '' }],
      data: [{ name: 'flights', kind: 'grown', shape_a: [10, 2], shape_b: [12, 2], detail: { appended: 2, unchanged: 10 } }]
    }
  };

  it('is told by signs and words, part by part', async () => {
    await show('compare', 'r2', { 'runs/r2/changes': compared });
    const page = screen.getByTestId('mlops-compare-page');
    expect(page.textContent).toContain('+0.25');
    expect(page.textContent).toContain('2 rows appended, the first 10 unchanged');
    expect(page.textContent).toContain(`added: ${HOSTILE}`);
    expect(within(page).getByText('numpy')).toBeTruthy();
    expect(document.querySelector('img')).toBeNull();
  });

  it('says so where nothing did', async () => {
    await show('compare', 'r2', { 'runs/r2/changes': { ...compared, found: { a: 'r1', b: 'r2', same: true } } });
    expect(screen.getByTestId('mlops-same')).toBeTruthy();
  });
});

describe('the charts', () => {
  const lines = [1, 2, 3].map(n => line(`r${n}`, n, { params: { C: n }, metrics: { auc: n / 4 } }));
  const answers = { 'runs/table': { total: 2000, offset: 0, lines, baseline: null }, 'runs/curves': [{ run: 'r1', number: 1, title: 'run 1', metric: 'loss', steps: [0, 1], values: [1, 0.5] }] };

  it('say that they draw a part, and have their figures as tables', async () => {
    await show('charts', 'all', answers);
    expect(screen.getByTestId('mlops-charts-page').textContent).toContain('newest 3 of 2,000 runs');
    expect(screen.getAllByRole('button', { name: 'As a table' })).toHaveLength(3);
  });

  it('go from point to point by keyboard, and to its run', async () => {
    const { asked } = await show('charts', 'all', answers);
    const plot = within(screen.getByTestId('mlops-chart-scatter')).getByRole('img');
    fireEvent.keyDown(plot, { key: 'ArrowRight' });
    fireEvent.keyDown(plot, { key: 'ArrowRight' });
    expect(screen.getByTestId('mlops-chart-scatter').textContent).toContain('#2 run 2: C 2, auc 0.5');
    fireEvent.keyDown(plot, { key: 'Enter' });
    expect(asked).toContainEqual(['show', 'run', 'r2']);
  });

  it('hold the runs of a brushed part', async () => {
    await show('charts', 'all', answers);
    const end = screen.getByRole('slider', { name: 'C from' });
    Array.from({ length: 8 }).forEach(() => fireEvent.keyDown(end, { key: 'ArrowUp' }));
    expect(screen.getByTestId('mlops-chart-parallel').textContent).toContain('2 of 3 runs within');
    fireEvent.keyDown(end, { key: 'Escape' });
    expect(screen.getByTestId('mlops-chart-parallel').textContent).not.toContain('within');
  });

  it('are saved as SVG that needs nothing of the page', async () => {
    await show('charts', 'all', answers);
    const plot = screen.getByTestId('mlops-chart-scatter').querySelector<SVGSVGElement>('svg.jp-mlops-plot');
    const text = plot ? svgText(plot) : '';
    expect(text).toContain('xmlns="http://www.w3.org/2000/svg"');
    expect(text).not.toContain('class=');
  });
});
