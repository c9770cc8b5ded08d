import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import type { ExecutionRow, Run, Verification } from '../api/schema';
import { EMPTY, type PanelState } from '../model/state';
import { back, on } from '../model/trail';
import { Panel } from '../views/panel';
import { pieces } from '../views/preview';
import { fakeActions, fakeSurroundings, liveOf, rowOf, runOf, STATUS } from './fakes';

afterEach(cleanup);

const ROWS: ExecutionRow[] = [
  rowOf({ n: 1, cell: 'c1', state: 'ok', first_line: 'import pandas as pd', seconds: 0.4 }),
  rowOf({ n: 2, cell: 'c2', state: 'error', first_line: 'df.a', seconds: 0.01, error: "KeyError: 'a'" }),
  rowOf({ n: 3, cell: 'c3', state: 'running', first_line: 'fit()', started: Date.now() / 1000 - 5 })
];

function tracked(part: Partial<PanelState> = {}): PanelState {
  return {
    ...EMPTY,
    phase: 'tracked',
    path: 'work/delays.ipynb',
    name: 'delays.ipynb',
    status: STATUS,
    live: liveOf({ executions: ROWS, floats: ['auc', 'loss'] }),
    ...part
  };
}

function verification(part: Partial<Verification>): Verification {
  return { id: 'v', run: 'r1', session: 's1', result: 'auc', at: 1, verdict: 'identical', slice_digest: 'd1', ...part };
}

function show(state: PanelState, answers: Record<string, unknown> = {}): ReturnType<typeof fakeActions> {
  let now = state;
  const draw = (part: Partial<PanelState>): void => {
    now = { ...now, ...part };
    drawn.rerender(<Panel state={now} actions={fake.actions} around={around} />);
  };
  const fake = fakeActions({
    fold: (key, open) => draw({ folds: { ...now.folds, [key]: open } }),
    show: (view, subject = '', other = '') => draw({ trail: on(now.trail, { view, subject, other }) }),
    back: () => draw({ trail: back(now.trail) })
  });
  const { around } = fakeSurroundings(answers, state);
  const drawn = render(<Panel state={state} actions={fake.actions} around={around} />);
  return fake;
}

const click = async (element: HTMLElement): Promise<void> => {
  await act(async () => {
    fireEvent.click(element);
    await Promise.resolve();
  });
};

describe('the session', () => {
  it('leads from an execution to its cell and shows what failed', async () => {
    const { asked } = show(tracked());
    const rows = screen.getAllByTestId('mlops-execution');
    expect(rows.map(row => row.dataset.n)).toEqual(['1', '2', '3']);
    expect(rows[1]?.textContent).toContain("KeyError: 'a'");
    expect(rows[2]?.textContent).toMatch(/5\.\d s/);
    if (rows[1]) {
      await click(rows[1]);
    }
    expect(asked).toEqual([['reveal', 'c2']]);
  });

  it('says that no metric was seen, with the line filled from a float of the notebook', async () => {
    vi.useFakeTimers();
    const { asked } = show(tracked({ live: liveOf({ executions: ROWS.slice(0, 2), floats: ['auc', 'loss'] }) }));
    expect(screen.queryByTestId('mlops-no-metric')).toBeNull();
    await act(() => vi.advanceTimersByTimeAsync(3000));
    vi.useRealTimers();
    const note = screen.getByTestId('mlops-no-metric');
    await click(within(note).getByRole('button', { name: 'auc' }));
    await click(within(note).getByRole('button', { name: 'Copy the line' }));
    expect(asked).toEqual([['copy', 'mlops.log_metric("auc", auc)']]);
  });
});

describe('what no longer holds', () => {
  it('is marked at its execution, with the reason in words', () => {
    show(tracked({ stale: [{ id: 'c1', n: 1, reason: 'edited since it ran', kind: 'edited' }, { id: 'c9', n: null, reason: 'never ran' }] }));
    const [first, second] = screen.getAllByTestId('mlops-execution');
    expect(first?.title).toBe('No longer holds: edited since it ran');
    expect(first?.textContent).toContain('edited since it ran');
    expect(second?.dataset.stale).toBe('false');
    expect(screen.getByRole('button', { name: /Session.*1 stale/ })).toBeTruthy();
  });
});

describe('a run', () => {
  it('is called by its model without packages, and shows lists as such', () => {
    const models = [{ observation: 'o', name: 'm', class_name: 'sklearn.pipeline.Pipeline(sklearn.linear_model.LogisticRegression)' }];
    show(tracked({ runs: [runOf('r1', { models, params: [{ name: 'train_months', value: [1, 2, 3] }] })] }));
    expect(screen.getByTestId('mlops-run').textContent).toContain('Pipeline(LogisticRegression)');
    expect(screen.getByText('[1, 2, 3]')).toBeTruthy();
  });

  it('stays folded as the user left it', () => {
    show(tracked({ runs: [runOf('r1'), runOf('r2')], folds: { 'run:r1': false, 'run:r2': true } }));
    const [newest, older] = screen.getAllByTestId('mlops-run').map(run => within(run).getAllByRole('button')[0]);
    expect([newest, older].map(title => title?.getAttribute('aria-expanded'))).toEqual(['false', 'true']);
  });

  const words = (run: Run): string => {
    show(tracked({ runs: [run] }));
    return screen.getByTestId('mlops-verdict').textContent;
  };

  it('shows a verdict only for the slice it was given to', () => {
    expect(words(runOf('r1', { verification: verification({}) }))).toBe('identical');
    cleanup();
    expect(words(runOf('r1', { verification: verification({ slice_digest: 'older' }) }))).toBe('verified before edit');
    cleanup();
    expect(words(runOf('r1'))).toBe('unverified');
  });

  it('names both models where the model is what changed', () => {
    show(tracked({ runs: [runOf('r1', { change: 'model Pipeline(LogisticRegression)→HistGradientBoostingClassifier' })] }));
    expect(screen.getByTitle('Pipeline(LogisticRegression)→HistGradientBoostingClassifier')).toBeTruthy();
  });

  it('counts the groups that came out again, and lists the one that did not', async () => {
    const groups = ['AA', 'B6', 'DL', 'UA'].map(key => ({ name: `auc[${key}]`, verdict: 'identical' as const, expected: 0.7, found: 0.7 }));
    const other = { name: 'auc[WN]', verdict: 'different' as const, expected: 0.7, found: 0.6 };
    show(tracked({ runs: [runOf('r1', { verification: verification({ verdict: 'different', results: [...groups, other] }) })] }));
    expect(screen.queryByText('auc[UA]')).toBeNull();
    expect(screen.getByText('0.6')).toBeTruthy();
    await click(screen.getByRole('button', { name: '4 more identical' }));
    expect(screen.getAllByText('0.7')).toHaveLength(9);
  });

  it('shows the params that matter first, all on request', async () => {
    show(tracked({ runs: [runOf('r1', { params: [{ name: 'seed', value: 1, shown: false }, { name: 'max_iter', value: 400 }] })] }));
    expect(screen.queryByText('seed')).toBeNull();
    await click(screen.getByRole('button', { name: 'Show all params' }));
    expect(screen.getByText('seed')).toBeTruthy();
  });

  it('lists the cells needed and how many are left out', async () => {
    const { asked } = show(tracked({ runs: [runOf('r1', { cells: [2, 5] })] }));
    await click(screen.getByRole('button', { name: /Cells needed/ }));
    const list = await screen.findByTestId('mlops-cells-needed');
    expect(list.textContent).toContain('Leaves out 10 of 12');
    await click(within(list).getByRole('button', { name: /df = read/ }));
    expect(asked).toContainEqual(['reveal', 'c2']);
  });

  it('offers to allow effects where they stopped its verification', async () => {
    const error = { what: 'it starts a process', remedy: 'allow it with --allow-effects' };
    const { asked } = show(tracked({ runs: [runOf('r1')], tasks: [{ id: 't', kind: 'verify', subject: 'r1', started: 1000, state: 'failed', error }] }));
    await click(screen.getByRole('button', { name: /Verify anyway/ }));
    expect(asked.at(-1)).toEqual(['verify', 'r1', true]);
  });

  it('shows the progress of its verification', () => {
    show(tracked({ runs: [runOf('r1')], tasks: [{ id: 't', kind: 'verify', subject: 'r1', started: 1000, state: 'running', message: 'cell 1', done: 1, total: 4 }] }));
    expect(screen.getByRole('progressbar').getAttribute('value')).toBe('1');
    expect(screen.getByTestId<HTMLButtonElement>('mlops-verify').disabled).toBe(true);
  });
});

describe('converting', () => {
  it('strikes out what becomes a parameter and sends what was kept', async () => {
    const { asked } = show(tracked({ runs: [runOf('r1', { number: 4 })] }));
    await click(screen.getByTestId('mlops-convert'));
    const preview = await screen.findByTestId('mlops-preview');
    expect(preview.querySelector('del')?.textContent).toContain('test_month = 6');
    await click(screen.getByRole('checkbox', { name: 'Keep the parameter test_month' }));
    expect(preview.querySelector('del')).toBeNull();
    await click(screen.getByTestId('mlops-create-job'));
    expect(asked.at(-1)).toEqual(['convert', { session: 's1', run: 'r1', folder: 'work/delays-job', parameters: ['rate'], verify: true, allow_effects: false }]);
  });
});

describe('converting a run that is not among the newest', () => {
  it('reads it, and says so where there is none', async () => {
    const trail = [{ view: 'convert', subject: 'old', other: '' }] as const;
    show(tracked({ runs: [], trail }), { 'runs/old': runOf('old', { number: 3 }) });
    expect(await screen.findByText('Convert #3 to a job')).toBeTruthy();
    cleanup();
    show(tracked({ runs: [], trail }));
    expect((await screen.findByRole('alert')).textContent).toContain('no answer for runs/old');
  });
});

describe('a job', () => {
  it('sends typed values of the parameters that were changed, and the inputs that were replaced', async () => {
    const manifest = {
      name: 'delays', created: 1, cells: 4, cells_total: 9, results: [],
      parameters: [{ name: 'test_month', type: 'integer' as const, default: 6 }, { name: 'rate', type: 'number' as const, default: 0.1 }],
      inputs: [{ name: 'flights', path: 'flights.parquet', fingerprint: { kind: 'file' as const } }]
    };
    const { asked } = show(tracked({ jobs: [{ folder: 'work/delays-job', manifest }] }));
    await click(screen.getByRole('tab', { name: 'Jobs' }));
    await click(screen.getByRole('button', { name: /delays-job/ }));
    fireEvent.change(screen.getByLabelText('test_month'), { target: { value: '7' } });
    fireEvent.change(screen.getByLabelText('flights'), { target: { value: 'other.parquet' } });
    await click(screen.getByTestId('mlops-run-job'));
    expect(asked.at(-1)).toEqual(['runJob', { folder: 'work/delays-job', parameters: { test_month: 7 }, inputs: { flights: 'other.parquet' } }]);
  });

  it('offers the choices of a parameter and the ends of its range', async () => {
    const manifest = {
      name: 'delays', created: 1, cells: 4, cells_total: 9, results: [], inputs: [],
      parameters: [
        { name: 'solver', type: 'string' as const, default: 'lbfgs', schema: { type: 'string', enum: ['lbfgs', 'saga'] } },
        { name: 'trees', type: 'integer' as const, default: 6, schema: { type: 'integer', minimum: 1, maximum: 9 } }
      ]
    };
    const { asked } = show(tracked({ jobs: [{ folder: 'work/delays-job', manifest }] }));
    await click(screen.getByRole('tab', { name: 'Jobs' }));
    await click(screen.getByRole('button', { name: /delays-job/ }));
    const solver = screen.getByLabelText('solver');
    expect([...solver.children].map(option => option.textContent)).toEqual(['lbfgs', 'saga']);
    fireEvent.change(solver, { target: { value: 'saga' } });
    const trees = screen.getByLabelText('trees');
    expect([trees.getAttribute('min'), trees.getAttribute('max')]).toEqual(['1', '9']);
    await click(screen.getByTestId('mlops-run-job'));
    expect(asked.at(-1)).toEqual(['runJob', { folder: 'work/delays-job', parameters: { solver: 'saga' }, inputs: {} }]);
  });
});

describe('the tabs', () => {
  it('go along with the arrow keys, and say which is in front', () => {
    show(tracked());
    fireEvent.keyDown(screen.getByRole('tab', { name: 'Now' }), { key: 'ArrowRight' });
    expect(screen.getByRole('tab', { name: 'Runs' }).getAttribute('aria-selected')).toBe('true');
    fireEvent.keyDown(screen.getByRole('tab', { name: 'Runs' }), { key: 'Home' });
    fireEvent.keyDown(screen.getByRole('tab', { name: 'Now' }), { key: 'ArrowLeft' });
    expect(screen.getAllByRole('tab').at(-1)?.getAttribute('aria-selected')).toBe('true');
  });

  it('come back from a page with the focus on what had led there', async () => {
    show(tracked({ runs: [runOf('r1', { number: 4 })] }));
    await click(screen.getByTestId('mlops-convert'));
    expect(document.activeElement?.textContent).toContain('Convert #4');
    await click(screen.getByRole('button', { name: 'Back' }));
    expect(document.activeElement).toBe(screen.getByTestId('mlops-convert'));
  });

  it('say since when the server does not answer, and keep what they show', () => {
    show(tracked({ offline: 1000 }));
    expect(screen.getByTestId('mlops-offline').textContent).toContain('does not answer');
    expect(screen.getAllByTestId('mlops-execution')).toHaveLength(3);
  });
});

describe('accessibility', () => {
  it('gives every control a name', () => {
    show(tracked({ runs: [runOf('r1')] }));
    for (const control of screen.getAllByRole('button')) {
      expect((control.getAttribute('aria-label') ?? control.textContent).trim()).not.toBe('');
    }
  });

  it('asks for Track and says what is recorded', async () => {
    const { asked } = show(tracked({ phase: 'untracked', live: null }));
    expect(screen.getByText('the data itself')).toBeTruthy();
    await click(screen.getByTestId('mlops-track'));
    expect(asked).toEqual([['track']]);
  });
});

describe('the preview of a cell', () => {
  const cut = (line: number, text: string, replaced_by = ''): { name: string; line: number; text: string; replaced_by: string } => ({
    name: 'x', line, text, replaced_by
  });
  const draw = (source: string, cuts: ReturnType<typeof cut>[]): string =>
    pieces({ source, cut: cuts }).map(({ kind, text }) => ({ kept: text, cut: `[-${text}-]`, new: `[+${text}+]` })[kind]).join('');

  it('cuts whole assignments, over several lines too, at their own line', () => {
    expect(draw('a = 1\nb = 2\na = 1', [cut(3, 'a = 1')])).toBe('a = 1\nb = 2\n[-a = 1-]');
    expect(draw('months = [\n  1,\n]\nx', [cut(1, 'months = [\n  1,\n]')])).toBe('[-months = [\n  1,\n]-]\nx');
  });

  it('shows what takes the place of a cut, and never hides a cut that it cannot find', () => {
    expect(draw("read('a.csv')", [cut(1, "'a.csv'", "inputs['a']")])).toBe("read([-'a.csv'-][+inputs['a']+])");
    expect(draw('x', [cut(1, 'y = 2')])).toBe('[-y = 2\n-]x');
  });
});
