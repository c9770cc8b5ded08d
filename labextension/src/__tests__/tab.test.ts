import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '../api/client';
import { TabModel } from '../model/tab';
import { back, on, START, tabOf } from '../model/trail';
import { EMPTY } from '../model/state';
import { fakeSurroundings, liveOf } from './fakes';

class Rows extends TabModel<{ rows: readonly number[] }> {
  protected override readonly nouns = ['run'] as const;

  protected async load(): Promise<void> {
    this.set({ rows: await this.around.requests.get<number[]>('rows') });
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const rest = (): Promise<unknown> => vi.advanceTimersByTimeAsync(500);

describe('the model of a tab', () => {
  it('asks when it is shown, and not before', async () => {
    const { around, requests } = fakeSurroundings({ rows: [1] });
    const model = new Rows(around, { rows: [] });
    await rest();
    expect(requests.asked).toHaveLength(0);
    expect(model.state.loading).toBe(true);
    model.show();
    await rest();
    expect(model.state).toMatchObject({ rows: [1], loading: false, problem: null });
  });

  it('asks again once for changes that come together, if they are of its noun', async () => {
    const { around, requests, changes } = fakeSurroundings({ rows: [1] });
    new Rows(around, { rows: [] }).show();
    await rest();
    changes.emit({ noun: 'task' });
    await rest();
    expect(requests.asked).toHaveLength(1);
    changes.emit({ noun: 'run' });
    changes.emit({ noun: 'run' });
    await rest();
    expect(requests.asked).toHaveLength(2);
  });

  it('waits with a change until it is in sight again', async () => {
    const { around, requests, changes } = fakeSurroundings({ rows: [1] });
    const model = new Rows(around, { rows: [] });
    model.show();
    await rest();
    model.hide();
    changes.emit({ noun: 'run' });
    await rest();
    expect(requests.asked).toHaveLength(1);
    model.show();
    await rest();
    expect(requests.asked).toHaveLength(2);
  });

  it('keeps what it has while the server does not answer, says so, and recovers by itself', async () => {
    const answers: Record<string, unknown> = { rows: [1] };
    const { around, changes } = fakeSurroundings(answers);
    const model = new Rows(around, { rows: [] });
    model.show();
    await rest();
    answers.rows = new ApiError('The Jupyter server does not answer', 'Check', 0);
    changes.emit({ noun: 'run' });
    await rest();
    expect(model.state).toMatchObject({ rows: [1], problem: { message: 'The Jupyter server does not answer' } });
    answers.rows = [1, 2];
    await vi.advanceTimersByTimeAsync(5000);
    expect(model.state).toMatchObject({ rows: [1, 2], problem: null });
  });

  it('looks again when the panel is about another notebook', async () => {
    const { around, requests, panel } = fakeSurroundings({ rows: [1] }, { ...EMPTY, live: liveOf() });
    new Rows(around, { rows: [] }).show();
    await rest();
    panel.to({ tasks: [] });
    await rest();
    const before = requests.asked.length;
    panel.to({ path: 'other.ipynb' });
    await rest();
    expect(requests.asked.length).toBe(before + 1);
  });

  it('asks nothing once it is disposed', async () => {
    const { around, requests, changes } = fakeSurroundings({ rows: [1] });
    const model = new Rows(around, { rows: [] });
    model.show();
    model.dispose();
    changes.emit({ noun: 'run' });
    await rest();
    expect(requests.asked).toHaveLength(0);
  });
});

describe('the way through the panel', () => {
  const place = (view: string, subject = ''): { view: string; subject: string; other: string } => ({ view, subject, other: '' });

  it('goes back from a page to the tab that led there; a tab begins anew', () => {
    const page = on(on(START, place('runs')), place('convert', 'r1'));
    expect(page.map(one => one.view)).toEqual(['convert', 'runs']);
    expect(back(page)).toEqual([place('runs')]);
    expect(back(back(page))).toEqual([place('runs')]);
    expect(on(page, place('jobs'))).toEqual([place('jobs')]);
  });

  it('does not go to where it is, and leaves pages with their notebook', () => {
    const page = on(START, place('history', 'c1'));
    expect(on(page, place('history', 'c1'))).toBe(page);
    expect(tabOf(page)).toEqual(START);
  });
});
