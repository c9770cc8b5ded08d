import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '../api/client';
import { bench, FakeMemory, liveOf, rowOf, runOf } from './fakes';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(500);

describe('the phase', () => {
  it('names what is missing: no notebook, then no kernel', async () => {
    const { model, notebooks } = bench();
    expect(model.state.phase).toBe('no-notebook');
    notebooks.open(null);
    await settle();
    expect(model.state.phase).toBe('no-kernel');
  });

  it('gives the exact command for a kernel that lacks the package', async () => {
    const { model, notebooks, kernel } = bench();
    kernel.answer = { installed: false, version: '', executable: '/opt/py/bin/python', tracking: false };
    notebooks.open(kernel);
    await settle();
    expect(model.state.phase).toBe('not-installed');
    expect(model.state.installCommand).toBe('"/opt/py/bin/python" -m pip install "mlops_jupyter==0.1.0"');
  });

  it('looks again in that kernel after a cell, which may have installed it', async () => {
    const { model, notebooks, kernel } = bench();
    kernel.answer = { ...kernel.answer, installed: false };
    notebooks.open(kernel);
    await settle();
    kernel.answer = { ...kernel.answer, installed: true };
    notebooks.changed.emit('executed');
    await settle();
    expect(model.state.phase).toBe('untracked');
  });

  it('names both versions where they differ', async () => {
    const { model, notebooks, kernel } = bench();
    kernel.answer = { ...kernel.answer, version: '0.0.9' };
    notebooks.open(kernel);
    await settle();
    expect(model.state.mismatch).toEqual({ kernel: '0.0.9', server: '0.1.0' });
  });

  it('does not ask a kernel that speaks another language, nor one that the server knows as tracked', async () => {
    const { model, notebooks, kernel, api } = bench();
    kernel.speaks = 'R';
    notebooks.open(kernel);
    await settle();
    expect(model.state.phase).toBe('other-language');
    kernel.speaks = 'python';
    api.live_ = liveOf();
    notebooks.changed.emit('executed');
    await settle();
    expect(model.state.phase).toBe('tracked');
    expect(kernel.probes).toBe(0);
  });

  it('is untracked after a restart, even while the server still believes in the old session', async () => {
    const { model, notebooks, kernel, api } = bench();
    api.live_ = liveOf();
    notebooks.open(kernel);
    await settle();
    expect(model.state.phase).toBe('tracked');
    notebooks.changed.emit('restart');
    await settle();
    expect(model.state.phase).toBe('untracked');
  });

  it('follows the Track button', async () => {
    const { model, notebooks, kernel } = bench();
    notebooks.open(kernel);
    await settle();
    await model.track();
    await settle();
    expect(model.state.phase).toBe('tracked');
    expect(model.state.trackAnswer?.text).toBe('delays → delays');
  });

  it('says when the server part is missing', async () => {
    const { model, notebooks, kernel, api } = bench();
    api.failure = new ApiError('', '', 404);
    notebooks.open(kernel);
    await settle();
    expect(model.state.phase).toBe('no-server');
  });
});

describe('what no longer holds', () => {
  it('is asked once the notebook rests, and again only after an edit', async () => {
    const { model, notebooks, kernel, api } = bench();
    api.live_ = liveOf({ executions: [rowOf({ n: 1, cell: 'c1', state: 'ok' })] });
    api.stale_ = [{ id: 'c1', n: 1, reason: 'edited since it ran' }];
    notebooks.open(kernel);
    await vi.advanceTimersByTimeAsync(2000);
    notebooks.changed.emit('executed');
    notebooks.changed.emit('content');
    await vi.advanceTimersByTimeAsync(2000);
    expect(api.judged).toHaveLength(1);
    expect(model.state.stale).toEqual(api.stale_);
    notebooks.source = 'auc = 1';
    notebooks.changed.emit('content');
    notebooks.changed.emit('content');
    await vi.advanceTimersByTimeAsync(2000);
    expect(api.judged).toEqual([[{ id: 'c1', source: 'auc = score(df)' }], [{ id: 'c1', source: 'auc = 1' }]]);
  });

  it('is not asked while a cell runs', async () => {
    const { notebooks, kernel, api } = bench();
    api.live_ = liveOf({ executions: [rowOf({ n: 1, cell: 'c1', state: 'running' })] });
    notebooks.open(kernel);
    await vi.advanceTimersByTimeAsync(2000);
    expect(api.judged).toEqual([]);
  });
});

describe('folds', () => {
  it('are the same on the next visit, and for another notebook', async () => {
    const memory = new FakeMemory();
    const first = bench(memory);
    first.model.fold('run:r1', true);
    first.model.fold('run:r1', false);
    first.model.fold('section:Jobs', false);
    const second = bench(memory);
    second.notebooks.open(second.kernel);
    await settle();
    expect(second.model.state.folds).toEqual({ 'run:r1': false, 'section:Jobs': false });
  });

  it('keep the newest two hundred', () => {
    const { model } = bench();
    for (let i = 0; i < 250; i += 1) {
      model.fold(`run:${i}`, true);
    }
    expect(Object.keys(model.state.folds)).toHaveLength(200);
    expect(model.state.folds['run:249']).toBe(true);
  });
});

describe('looking again', () => {
  it('turns a burst of events into one look', async () => {
    const { notebooks, kernel, api, changes } = bench();
    notebooks.open(kernel);
    await settle();
    const before = api.looks;
    for (let i = 0; i < 50; i += 1) {
      changes.emit({ noun: 'execution', kernel: 'k1' });
    }
    await settle();
    expect(api.looks - before).toBe(1);
  });

  it('does not look for executions of another kernel', async () => {
    const { notebooks, kernel, api, changes } = bench();
    notebooks.open(kernel);
    await settle();
    const before = api.looks;
    changes.emit({ noun: 'execution', kernel: 'other' });
    await settle();
    expect(api.looks).toBe(before);
  });

  it('asks at the end of a cell at once, before anything is drawn', async () => {
    const { notebooks, kernel, api } = bench();
    notebooks.open(kernel);
    await settle();
    const before = api.looks;
    notebooks.changed.emit('executed');
    for (let turn = 0; turn < 5; turn += 1) {
      await Promise.resolve();
    }
    expect(api.looks - before).toBe(1);
  });

  it.each([['ok', 0], ['error', 1]])('an event that comes while the answer is on its way, of a cell that is %s: %i looks more', async (state, more) => {
    const { notebooks, kernel, api, changes } = bench();
    notebooks.open(kernel);
    await settle();
    const before = api.looks;
    api.live_ = liveOf({ executions: [rowOf({ n: 1, state: 'ok' })] });
    const session = api.live_.session?.id ?? '';
    notebooks.changed.emit('executed');
    changes.emit({ noun: 'execution', kernel: 'k1', session, n: 1, state });
    await settle();
    expect(api.looks - before).toBe(1 + more);
  });

  it('keeps what it had when the server fails, and says so', async () => {
    const { model, notebooks, kernel, api } = bench();
    api.live_ = liveOf({ executions: [rowOf({ n: 1, state: 'ok' })], runs: [runOf('r1')] });
    notebooks.open(kernel);
    await settle();
    api.failure = new ApiError('the store is locked', 'wait', 503);
    notebooks.changed.emit('executed');
    await settle();
    expect(model.state.problem).toEqual({ message: 'the store is locked', remedy: 'wait' });
    expect(model.state.runs).toHaveLength(1);
  });

  it('watches a running task to its end without any event', async () => {
    const { model, notebooks, kernel, api } = bench();
    notebooks.open(kernel);
    await settle();
    api.tasks_ = [{ id: 't1', kind: 'verify', subject: '', started: 1000, state: 'running', done: 1, total: 3 }];
    await model.verify('r1', false);
    await settle();
    expect(model.state.tasks).toMatchObject([{ id: 't1', subject: 'r1', state: 'running' }]);
    api.tasks_ = [{ id: 't1', kind: 'verify', subject: '', started: 1000, state: 'succeeded' }];
    await vi.advanceTimersByTimeAsync(2500);
    expect(model.state.tasks[0]?.state).toBe('succeeded');
  });

  it('lists the runs newest first, without the deleted ones', async () => {
    const { model, notebooks, kernel, api } = bench();
    const runs = [runOf('r1', { started: 10 }), runOf('r3', { started: 30 }), runOf('r2', { started: 20 }), runOf('r4', { deleted: true })];
    api.live_ = liveOf({ runs });
    notebooks.open(kernel);
    await settle();
    expect(model.state.runs.map(run => run.id)).toEqual(['r3', 'r2', 'r1']);
  });
});

describe('running stale cells', () => {
  const again = (...cells: string[]): { cells: { id: string; position: number; forget: string[] }[]; forget: string[]; remains: string[] } => ({
    cells: cells.map((id, position) => ({ id, position, forget: [] })), forget: [], remains: []
  });

  it('runs the first of the plan, asks again, and stops when all of it holds', async () => {
    const { api, kernel, notebooks, model } = bench();
    notebooks.open(kernel);
    api.again_ = [again('a', 'b'), { ...again('b'), cells: [{ id: 'b', position: 1, forget: [] }] }];
    await model.runStale();
    expect(notebooks.ran).toEqual(['a', 'b']);
    expect(model.state.rerun).toMatchObject({ ran: ['a', 'b'], failed: '', restless: [] });
  });

  it('stops at the first that fails', async () => {
    const { api, kernel, notebooks, model } = bench();
    notebooks.open(kernel);
    notebooks.fails = 'a';
    api.again_ = [again('a', 'b'), again('a', 'b')];
    await model.runStale();
    expect(model.state.rerun).toMatchObject({ ran: ['a'], failed: 'a' });
  });

  it('leaves a cell that never comes to rest, and deletes what a fresh run would not have', async () => {
    const { api, kernel, notebooks, model } = bench();
    notebooks.open(kernel);
    const restless = again('clock');
    api.again_ = [restless, restless, { ...again('clock'), forget: ['ghost'] }];
    await model.runStale();
    expect(notebooks.ran).toEqual(['clock']);
    expect(kernel.forgot).toEqual([]);
    expect(model.state.rerun).toMatchObject({ restless: ['clock'] });
  });
});

describe('a panel that is closed', () => {
  it('asks nothing more', async () => {
    const { notebooks, kernel, api, changes, model } = bench();
    notebooks.open(kernel);
    await settle();
    model.dispose();
    const before = api.looks;
    changes.emit({ noun: 'run' });
    notebooks.changed.emit('executed');
    await settle();
    expect(api.looks).toBe(before);
  });
});

describe('the habit of tracking', () => {
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) {
      await Promise.resolve();
    }
  };

  it('starts in a kernel that the user started, never in one that opening brought', async () => {
    const { kernel, notebooks, model } = bench();
    notebooks.open(kernel);
    await model.always(true);
    const before = kernel.tracks;
    notebooks.changed.emit('found');
    await settled();
    expect(kernel.tracks).toBe(before);
    notebooks.changed.emit('restart');
    await settled();
    expect(kernel.tracks).toBe(before + 1);
    notebooks.changed.emit('kernel');
    await settled();
    expect(kernel.tracks).toBe(before + 2);
  });

  it('ends when it is switched off, and goes with a notebook that is renamed', async () => {
    const { kernel, notebooks, model } = bench();
    notebooks.open(kernel, 'a.ipynb');
    await model.always(true);
    notebooks.rename('b.ipynb');
    await settled();
    expect(model.state.always).toBe(true);
    await model.always(false);
    const before = kernel.tracks;
    notebooks.changed.emit('restart');
    await settled();
    expect(kernel.tracks).toBe(before);
  });
});
