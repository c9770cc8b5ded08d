import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Handover, JobEntry, Known, SweepTable, Task } from '../api/schema';
import { ApiError } from '../api/client';
import { grouped, JobsModel, kept } from '../model/jobs';
import { LogTail } from '../model/logs';
import { scheduleOf } from '../model/submitting';
import { SweepModel } from '../model/sweep';
import { EMPTY, type PanelState } from '../model/state';
import { ActionsProvider, FoldsProvider } from '../views/parts';
import { axesOf } from '../views/jobs/sweepform';
import { lacking, NO_ORDER } from '../views/jobs/submit';
import { sorted } from '../views/jobs/sweep';
import { jobsView } from '../views/jobs/tab';
import { fakeActions, fakeSurroundings } from './fakes';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const rest = (milliseconds = 500): Promise<unknown> => act(() => vi.advanceTimersByTimeAsync(milliseconds));

function handoverOf(id: string, part: Partial<Handover> = {}): Handover {
  return { id, job: 'sha256:j', name: 'flights', runner: 'local', state: 'succeeded', at: 1000, ...part };
}

const JOB: JobEntry = {
  folder: 'flights-job',
  manifest: {
    name: 'flights', created: 1, inputs: [], results: [], cells: 3, cells_total: 9, digest: 'sha256:j', verified: true,
    parameters: [{ name: 'rate', type: 'number', default: 0.1, schema: { minimum: 0, maximum: 1 } }, { name: 'key', type: 'secret', default: 'env:KEY' }]
  }
};

const RUNNERS: Known[] = [
  { name: 'local', title: 'this machine', options: { 'at-once': '0' } },
  { name: 'cron', options: {}, schedules: 'must' },
  { name: 'github', options: { repository: 'needed', ref: 'main' } },
  { name: 'dask', missing: 'the runner dask needs distributed, which is not installed', remedy: "pip install 'mlops_jupyter[dask]'" }
];

describe('the model of jobs on their way', () => {
  it('looks by itself while something is under way, and no longer', async () => {
    const answers: Record<string, unknown> = { submissions: [handoverOf('u1', { state: 'running', here: true })] };
    const { around, requests } = fakeSurroundings(answers);
    const model = new JobsModel(around);
    model.show();
    await rest();
    answers.submissions = [handoverOf('u1')];
    await rest(3000);
    expect(model.state.handovers[0]?.state).toBe('succeeded');
    const looks = requests.asked.length;
    await rest(20_000);
    expect(requests.asked.length).toBe(looks);
    model.dispose();
  });

  it('hands over again, takes back, and looks at once', async () => {
    const { around, requests } = fakeSurroundings({ submissions: [], 'POST submissions/u1/retry': handoverOf('u2'), 'DELETE submissions/u1': {} });
    const model = new JobsModel(around);
    model.show();
    await rest();
    await act(() => model.retry('u1'));
    await act(() => model.stop('u1'));
    await rest();
    expect(requests.asked.map(([method, route]) => `${method} ${route}`)).toEqual([
      'GET submissions', 'POST submissions/u1/retry', 'DELETE submissions/u1', 'GET submissions'
    ]);
  });

  it('reads what a schedule has started, and the sweeps of a job, once they stand open', async () => {
    const { around, requests } = fakeSurroundings({ submissions: [], sweeps: [] });
    const model = new JobsModel(around);
    model.show();
    model.openSchedule('s1');
    model.openJob('flights-job');
    model.openJob('flights-job');
    await rest();
    expect(requests.asked.slice(-2)).toEqual([['GET', 'submissions', { limit: 50, parent: 's1' }], ['GET', 'sweeps', { path: 'flights-job' }]]);
    expect(model.state.children).toEqual({ s1: [] });
  });

  it('does not look by itself for what others tell of', async () => {
    const { around, requests } = fakeSurroundings({ submissions: [handoverOf('u1', { state: 'running', runner: 'github' })] });
    const model = new JobsModel(around);
    model.show();
    await rest(20_000);
    expect(requests.asked).toHaveLength(1);
  });

  it('keeps the very rows in which nothing is different', () => {
    const before = [handoverOf('a'), handoverOf('b', { state: 'running' })];
    const now = kept(before, [handoverOf('c'), handoverOf('a'), handoverOf('b')]);
    expect(now[1]).toBe(before[0]);
    expect(now[2]).not.toBe(before[1]);
  });

  it('keeps the children of one sweep together', () => {
    const all = [handoverOf('a', { parent: 'w' }), handoverOf('b'), handoverOf('c', { parent: 'w' })];
    expect(grouped(all).map(group => group.map(one => one.id))).toEqual([['a', 'c'], ['b']]);
  });
});

describe('a log', () => {
  it('is read from where it was read to, until the job has ended', async () => {
    const answers: Record<string, unknown> = { 'submissions/u1/logs': { text: 'one\n', offset: 0, size: 4, state: 'running' } };
    const { around, requests } = fakeSurroundings(answers);
    const tail = new LogTail(around.requests, 'u1');
    tail.start();
    await rest(100);
    answers['submissions/u1/logs'] = { text: 'two\n', offset: 4, size: 8, state: 'succeeded' };
    await rest(1500);
    expect(tail.state.text).toBe('one\ntwo\n');
    expect(requests.asked.map(([, , asked]) => asked)).toEqual([{ offset: 0 }, { offset: 4 }]);
    await rest(20_000);
    expect(requests.asked).toHaveLength(2);
  });

  it('begins again where the log is another one, and keeps what it has while nobody answers', async () => {
    const answers: Record<string, unknown> = { 'submissions/u1/logs': { text: 'a long log', offset: 0, size: 10, state: 'running' } };
    const { around } = fakeSurroundings(answers);
    const tail = new LogTail(around.requests, 'u1');
    tail.start();
    await rest(100);
    answers['submissions/u1/logs'] = new ApiError('The Jupyter server does not answer', 'Check', 0);
    await rest(1500);
    expect(tail.state).toMatchObject({ text: 'a long log', problem: { message: 'The Jupyter server does not answer' } });
    answers['submissions/u1/logs'] = { text: 'new', offset: 0, size: 3, state: 'running' };
    await rest(6000);
    expect(tail.state).toMatchObject({ text: 'new', problem: null });
    tail.stop();
  });
});

describe('an order', () => {
  it('says what it lacks', () => {
    const by = (name: string): Known | undefined => RUNNERS.find(one => one.name === name);
    expect(lacking(by('nowhere'), NO_ORDER)).toBe('runner');
    expect(lacking(by('dask'), NO_ORDER)).toBe('missing');
    expect(lacking(by('github'), NO_ORDER)).toBe('repository');
    expect(lacking(by('github'), { ...NO_ORDER, options: { repository: 'a/b' } })).toBe('');
    expect(lacking(by('cron'), NO_ORDER)).toBe('schedule');
    expect(lacking(by('cron'), { ...NO_ORDER, cron: '0 6 * * *' })).toBe('');
  });

  it('has a schedule only where one was typed', () => {
    expect(scheduleOf({ cron: ' ', zone: 'UTC' })).toBeNull();
    expect(scheduleOf({ cron: ' 0 6 * * 1 ', zone: '' })).toEqual({ cron: '0 6 * * 1', zone: 'UTC' });
  });
});

describe('a sweep', () => {
  it('counts its children and sends values, fixed ones and ranges apart', () => {
    const { children, body } = axesOf({ rate: '0.1, 0.2,0.3', depth: '1,2', seed: '7', wide: 'log:0.01..1', empty: '' }, 5);
    expect(children).toBe(30);
    expect(body).toEqual({ grid: { rate: '0.1,0.2,0.3', depth: '1,2' }, fixed: { seed: '7' }, random: 5, ranges: { wide: 'log:0.01..1' } });
    expect(axesOf({ seed: '7' }, 5).children).toBe(0);
  });

  it('is sorted by any column, with what has no value last', () => {
    const child = (number: number, metrics: Record<string, number>): NonNullable<SweepTable['children']>[number] => ({ number, state: 'succeeded', parameters: { rate: 3 - number }, metrics });
    const all = [child(1, { auc: 0.7 }), child(2, {}), child(3, { auc: 0.9 })];
    const order = (by: string, down: boolean): number[] => sorted(all, { by, down }).map(one => one.number);
    expect(order('m:auc', true)).toEqual([3, 1, 2]);
    expect(order('m:auc', false)).toEqual([1, 3, 2]);
    expect(order('p:rate', false)).toEqual([3, 2, 1]);
    expect(order('', false)).toEqual([1, 2, 3]);
  });

  it('is looked at until its last child has ended', async () => {
    const table: SweepTable = { id: 'w1', folder: 'x', name: 'x', created: 1, varied: [], total: 2, states: { running: 1, succeeded: 1 } };
    const answers: Record<string, unknown> = { 'sweeps/w1': table };
    const trail = [{ view: 'sweep', subject: 'flights-job', other: 'w1' }] as const;
    const { around, requests } = fakeSurroundings(answers, { ...EMPTY, trail });
    const model = new SweepModel(around);
    model.show();
    await rest();
    answers['sweeps/w1'] = { ...table, states: { succeeded: 1, failed: 1 } };
    await rest(3000);
    const looks = requests.asked.length;
    await rest(20_000);
    expect(requests.asked.length).toBe(looks);
    expect(model.state.table?.states).toEqual({ succeeded: 1, failed: 1 });
    model.order('auc', true);
    await rest();
    expect(requests.asked.at(-1)).toEqual(['GET', 'sweeps/w1', { path: 'flights-job', metric: 'auc', minimize: '1' }]);
  });
});

function show(answers: Record<string, unknown>, part: Partial<PanelState> = {}): ReturnType<typeof fakeActions> & { requests: ReturnType<typeof fakeSurroundings>['requests'] } {
  const state = { ...EMPTY, path: 'flights.ipynb', jobs: [JOB], folds: { 'job:flights-job': true }, ...part };
  const { around, requests } = fakeSurroundings(answers, state);
  const fake = fakeActions();
  const opened = jobsView.open(around);
  opened.model?.show();
  render(
    <ActionsProvider value={fake.actions}>
      <FoldsProvider value={state.folds}>{opened.draw({ place: { view: 'jobs', subject: '', other: '' }, panel: state })}</FoldsProvider>
    </ActionsProvider>
  );
  return { ...fake, requests };
}

const press = async (element: HTMLElement): Promise<void> => {
  await act(async () => {
    fireEvent.click(element);
    await vi.advanceTimersByTimeAsync(50);
  });
};

describe('the tab', () => {
  it('hands a job to a runner with what was typed', async () => {
    const { requests } = show({ submissions: [], sweeps: [], runners: RUNNERS, 'POST submissions': handoverOf('u9') });
    await rest();
    await press(screen.getByRole('button', { name: 'On a runner' }));
    expect(screen.getByTestId('mlops-submit-job')).toHaveProperty('disabled', true);
    fireEvent.change(screen.getByLabelText('Runner'), { target: { value: 'github' } });
    fireEvent.change(screen.getByLabelText('repository'), { target: { value: 'me/flights' } });
    fireEvent.change(screen.getByLabelText('rate'), { target: { value: '0.5' } });
    await press(screen.getByTestId('mlops-submit-job'));
    expect(requests.asked.find(([method]) => method === 'POST')).toEqual(['POST', 'submissions', {
      folder: 'flights-job', runner: 'github', options: { repository: 'me/flights' }, retries: 0, unverified: false,
      parameters: { rate: 0.5 }, inputs: {}, schedule: null
    }]);
    expect(screen.getByText(/Handed to local/)).toBeTruthy();
  });

  it('says how to install what a runner lacks', async () => {
    show({ submissions: [], sweeps: [], runners: RUNNERS });
    await rest();
    await press(screen.getByRole('button', { name: 'On a runner' }));
    fireEvent.change(screen.getByLabelText('Runner'), { target: { value: 'dask' } });
    expect(screen.getByText("pip install 'mlops_jupyter[dask]'")).toBeTruthy();
    expect(screen.getByTestId('mlops-submit-job')).toHaveProperty('disabled', true);
  });

  it('shows what is on its way as text only, and only this notebook’s on request', async () => {
    const evil = '<img src=x onerror="window.ran=1">';
    const all = [handoverOf('u1', { name: evil, given: { a: evil }, job: 'sha256:other' }), handoverOf('u2', { state: 'running', done: 1, total: 4 })];
    show({ submissions: all, sweeps: [] });
    await rest();
    expect(document.querySelector('img')).toBeNull();
    expect(screen.getByText(evil)).toBeTruthy();
    expect(screen.getByText('cell 2 of 4')).toBeTruthy();
    await press(screen.getByRole('button', { name: 'This notebook' }));
    expect(screen.getAllByTestId('mlops-submission').map(row => row.dataset.id)).toEqual(['u2']);
  });

  it('offers for each what can be done with it', async () => {
    const all = [
      handoverOf('u1', { state: 'failed', again: true, bundle: 'flights-job', error: 'no rows', cell: 3, run: 'r7', output: 'out.ipynb', given: { rate: '0.5' } }),
      handoverOf('u2', { state: 'running' })
    ];
    const { asked } = show({ submissions: all, sweeps: [] }, { folds: { 'submission:u1': true, 'submission:u2': true } });
    await rest();
    const [within1, within2] = screen.getAllByTestId('mlops-submission').map(row => within(row));
    if (!within1 || !within2) {
      throw new Error('two rows were to be there');
    }
    expect(within1.getByText('Cell 3: no rows')).toBeTruthy();
    await press(within1.getByRole('button', { name: 'Show the run' }));
    await press(within1.getByRole('button', { name: 'Open the output notebook' }));
    await press(within1.getByRole('button', { name: /Resume flights here/ }));
    expect(asked.filter(([name]) => name !== 'fold')).toEqual([
      ['show', 'run', 'r7'], ['open', 'out.ipynb'], ['runJob', { folder: 'flights-job', parameters: { rate: '0.5' }, resume: true }], ['show', 'jobs', 'flights-job']
    ]);
    expect(within2.queryByTestId('mlops-retry')).toBeNull();
    expect(within2.getByTestId('mlops-cancel-submission')).toBeTruthy();
  });

  it('says of one that cannot be asked that it stands as it was last seen, and why', async () => {
    const why = 'its runner cannot be asked: the cluster does not answer';
    show({ submissions: [handoverOf('u1', { state: 'running', unasked: why }), handoverOf('u2')], sweeps: [] });
    await rest();
    const [asked, other] = screen.getAllByTestId('mlops-submission').map(row => row.textContent);
    expect(asked).toContain(`As last seen: ${why}`);
    expect(other).not.toContain('As last seen');
  });

  it('draws of a long list what is in sight, and of a short one all', async () => {
    const many = Array.from({ length: 200 }, (_, n) => handoverOf(`u${n}`));
    show({ submissions: many, sweeps: [] });
    await rest();
    expect(screen.getByRole('list', { name: 'Submissions' }).childElementCount).toBeLessThan(60);
    cleanup();
    show({ submissions: many.slice(0, 60), sweeps: [] });
    await rest();
    expect(screen.getAllByTestId('mlops-submission')).toHaveLength(60);
  });

  it('says which cells a run took from an earlier one, and goes on after one that was cancelled', async () => {
    const task: Task = {
      id: 't1', kind: 'run', subject: 'flights-job', started: 1, state: 'succeeded', message: '', done: 4, total: 4, ended: 2, error: null,
      result: { outcome: { state: 'succeeded' }, total: 4, cells: [{ cell: 2, taken: true, seconds: 12, since: 1000 }, { cell: 3, why: 'rate is another' }, { cell: 4, kept: true, seconds: 3 }] }
    };
    show({ submissions: [], sweeps: [] }, { tasks: [task] });
    await rest();
    expect(screen.getByTestId('mlops-taken').textContent).toMatch(/1 of 4 cells was taken from the run of .+, which spent 12\.0 s on it\.Cell 3 ran again: rate is another$/);
    cleanup();
    const { asked } = show({ submissions: [], sweeps: [] }, { tasks: [{ ...task, state: 'cancelled', result: null }] });
    await rest();
    expect(screen.getByText('Cancelled.')).toBeTruthy();
    await press(screen.getByTestId('mlops-resume'));
    expect(asked.filter(([name]) => name === 'runJob')).toEqual([['runJob', { folder: 'flights-job', parameters: {}, inputs: {}, resume: true }]]);
  });

  it('says that nothing was handed over yet, and why it could not look', async () => {
    show({ submissions: [], sweeps: [] });
    await rest();
    expect(screen.getByText(/Nothing was handed to a runner yet/)).toBeTruthy();
    cleanup();
    show({ submissions: new ApiError('The store cannot be reached', 'mlops doctor', 503) });
    await rest();
    expect(screen.getByRole('alert').textContent).toContain('mlops doctor');
  });
});
