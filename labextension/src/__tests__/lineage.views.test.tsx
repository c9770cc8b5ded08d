import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { DatasetPage, DatasetProfile, LineageGraph } from '../api/schema';
import { EMPTY, type PanelState } from '../model/state';
import { back, on, START } from '../model/trail';
import { Panel } from '../views/panel';
import { fakeActions, fakeSurroundings, liveOf, runOf, STATUS } from './fakes';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const EVIL = '<img src=x onerror="alert(1)"><a href="javascript:alert(1)">';
const GRAPH: LineageGraph = {
  session: 's1', run: '', cells: 2, total: 3, earlier: 0,
  nodes: [
    { id: 'cell 1', kind: 'cell', label: 'df = read()', n: 1, cell: 'c1' },
    { id: 'df@1', kind: 'variable', label: 'df', n: 1, detail: 'DataFrame 9 × 2', source: 'value', dataset: 'key-df' },
    { id: 'cell 2', kind: 'cell', label: EVIL, n: 2, cell: 'c2' },
    { id: 'auc@2', kind: 'metric', label: 'auc', n: 2, detail: '0.91' }
  ],
  edges: [{ a: 0, b: 1 }, { a: 1, b: 2 }, { a: 2, b: 3 }]
};
const AS_RUN = { session: 's1', n: 2, cell: 'c2', source: `auc = ${EVIL}`, state: 'ok', started: 1, seconds: 1, error: '', reads: ['df'], writes: [], opaque: [] };
const PAGE: DatasetPage = {
  dataset: { key: 'key-df', name: EVIL, kind: 'value', last: 5, versions: 1 },
  versions: [{ id: 'v1', first: 4, last: 5, coverage: 0.12, digest: 'fp1~x:1', uses: [{ session: 's1', n: 1, cell: 'c1', how: 'read', line: EVIL, current: true }], runs: [{ id: 'r1', number: 3, name: EVIL, started: 1 }] }]
};
const PROFILE: DatasetProfile = {
  version: 'v1', against: '', rows: 4, missing: '', remedy: '', rows_against: null, columns_against: [], missing_against: '',
  columns: [
    { name: EVIL, type: 'string', kind: 'text', count: 4, top: [{ text: EVIL, count: 3 }], others: 1, distinct: 2 },
    { name: 'n', type: 'int64', kind: 'number', count: 4, nulls: 1, low: 0, high: 3, bins: [1, 0, 2] }
  ]
};
const ANSWERS = { lineage: GRAPH, 'lineage/s1/cells/2': AS_RUN, 'datasets/key-df': PAGE, 'datasets/key-df/profile': PROFILE };

async function show(view: string, subject = '', answers: Record<string, unknown> = ANSWERS): Promise<ReturnType<typeof fakeActions>> {
  let now: PanelState = { ...EMPTY, phase: 'tracked', path: 'a.ipynb', name: 'a.ipynb', status: STATUS, live: liveOf(), runs: [runOf('r1', { number: 3 })], trail: on(START, { view, subject, other: '' }) };
  const { around } = fakeSurroundings(answers, now);
  const draw = (part: Partial<PanelState>): void => {
    now = { ...now, ...part };
    drawn.rerender(<Panel state={now} actions={fake.actions} around={around} />);
  };
  const fake = fakeActions({
    fold: (key, open) => draw({ folds: { ...now.folds, [key]: open } }),
    show: (to, about = '', other = '') => draw({ trail: on(now.trail, { view: to, subject: about, other }) }),
    back: () => draw({ trail: back(now.trail) })
  });
  const drawn = render(<Panel state={now} actions={fake.actions} around={around} />);
  await settle();
  return fake;
}

const settle = (): Promise<unknown> => act(() => vi.advanceTimersByTimeAsync(500));
const node = (name: RegExp): HTMLElement => within(screen.getByTestId('mlops-graph')).getByRole('button', { name });

describe('the graph', () => {
  it('has one way in for the keyboard, and goes along edges', async () => {
    await show('lineage');
    expect(within(screen.getByTestId('mlops-graph')).getAllByRole('button').filter(one => one.tabIndex === 0)).toHaveLength(1);
    node(/metric, auc/).focus();
    fireEvent.keyDown(node(/metric, auc/), { key: 'ArrowUp' });
    expect(document.activeElement?.getAttribute('aria-label')).toContain('cell 2');
    fireEvent.keyDown(node(/cell 2/), { key: 'ArrowUp' });
    expect(document.activeElement?.getAttribute('aria-label')).toBe('variable, df, DataFrame 9 × 2');
    fireEvent.keyDown(document.activeElement ?? document.body, { key: 'End' });
    expect(document.activeElement?.getAttribute('aria-label')).toContain('auc');
  });

  it('opens a card with the cell as it ran, and leads to the cell as it is', async () => {
    const { asked } = await show('lineage');
    fireEvent.click(node(/metric, auc/));
    await settle();
    expect(screen.getByTestId('mlops-as-run').textContent).toBe(AS_RUN.source);
    fireEvent.click(screen.getByTestId('mlops-reveal'));
    expect(asked).toContainEqual(['reveal', 'c2']);
    fireEvent.keyDown(node(/metric, auc/), { key: 'Escape' });
    expect(screen.queryByTestId('mlops-card')).toBeNull();
  });

  it('shows what a node needs by F, and everything again by Escape', async () => {
    await show('lineage');
    node(/variable, df/).focus();
    fireEvent.keyDown(node(/variable, df/), { key: 'f' });
    expect(screen.getByTestId('mlops-lineage').textContent).toContain('What df needs: 1 cell');
    fireEvent.keyDown(node(/variable, df/), { key: 'Escape' });
    expect(node(/metric, auc/)).toBeTruthy();
  });

  it('is there in words too', async () => {
    await show('lineage');
    fireEvent.click(screen.getByRole('checkbox', { name: 'As a list' }));
    const outline = screen.getByTestId('mlops-outline');
    expect(outline.textContent).toContain('reads df');
    expect(outline.textContent).toContain('makes auc');
  });

  it('finds nodes one after the other', async () => {
    await show('lineage');
    const field = screen.getByTestId('mlops-lineage-search');
    fireEvent.change(field, { target: { value: 'd' } });
    fireEvent.keyDown(field, { key: 'Enter' });
    expect(document.activeElement?.getAttribute('aria-label')).toContain('df');
  });

  it('says what is missing where nothing was tracked, and what failed', async () => {
    await show('lineage', '', { lineage: { ...GRAPH, nodes: [], edges: [] } });
    expect(screen.getByTestId('mlops-lineage').textContent).toContain('No cells yet');
    cleanup();
    await show('lineage', '', { lineage: new Error('the store is locked') });
    expect(screen.getByRole('alert').textContent).toContain('the store is locked');
  });
});

describe('a dataset', () => {
  it('is reached from the graph and led back from', async () => {
    await show('lineage');
    fireEvent.click(node(/variable, df/));
    await settle();
    fireEvent.click(screen.getByTestId('mlops-open-dataset'));
    await settle();
    expect(screen.getByTestId('mlops-dataset-page')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Back' }));
    expect(screen.getByTestId('mlops-lineage')).toBeTruthy();
  });

  it('says how much of it is known, and shows histograms, nulls and values', async () => {
    await show('dataset', 'key-df');
    expect(screen.getAllByText('covers 12 %').length).toBeGreaterThan(0);
    expect(screen.getByRole('img', { name: 'Histogram from 0 to 3, highest near 2' })).toBeTruthy();
    expect(screen.getByText('1 null (25 %)')).toBeTruthy();
    expect(screen.getByText('75 %')).toBeTruthy();
  });

  it('says why there are no statistics, and how to have them', async () => {
    await show('dataset', 'key-df', { ...ANSWERS, 'datasets/key-df/profile': { ...PROFILE, columns: [], missing: 'A value in memory', remedy: 'df.to_parquet(…)' } });
    expect(screen.getByTestId('mlops-no-profile').textContent).toContain('No statistics. A value in memory.df.to_parquet');
  });

  it('leads from a run that used it to where it came from', async () => {
    await show('dataset', 'key-df');
    fireEvent.click(screen.getByRole('button', { name: /^Run 3/ }));
    await settle();
    expect(screen.getByTestId<HTMLSelectElement>('mlops-lineage-run').value).toBe('r1');
  });
});

describe('what is stored', () => {
  it('is text wherever it is shown', async () => {
    await show('lineage');
    fireEvent.click(node(/cell 2/));
    await settle();
    expect(document.querySelectorAll('img, a, script, [onerror]')).toHaveLength(0);
    cleanup();
    await show('dataset', 'key-df');
    expect(document.body.textContent).toContain(EVIL);
    expect(document.querySelectorAll('img, a, script, [onerror]')).toHaveLength(0);
  });
});
