import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Delivery, DeliveryWeek } from '../api/schema';
import { share, weekly } from '../model/delivery';
import { percent, span } from '../model/spans';
import { EMPTY } from '../model/state';
import { deliveryView } from '../views/delivery';
import { ActionsProvider, FoldsProvider } from '../views/parts';
import { fakeActions, fakeSurroundings, liveOf } from './fakes';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function weekOf(start: number, part: Partial<DeliveryWeek> = {}): DeliveryWeek {
  return { start, runs: 0, failed_runs: 0, jobs: 0, failed_jobs: 0, verified: 0, reproduced: 0, notebook_seconds: 0, job_seconds: 0, ...part };
}

function deliveryOf(id: string, part: Partial<Delivery> = {}): Delivery {
  const weeks = [weekOf(1_700_000_000, { runs: 4, failed_runs: 1 }), weekOf(1_700_604_800)];
  return { experiment_id: id, experiment: id, last: 1, first_run: 1, weeks, whole: weekOf(0, { runs: 4, failed_runs: 1, verified: 2, reproduced: 2 }), to_job: 90_000, ...part };
}

async function show(all: unknown): Promise<void> {
  const state = { ...EMPTY, live: liveOf() };
  const { around } = fakeSurroundings({ delivery: all }, state);
  const opened = deliveryView.open(around);
  opened.model?.show();
  render(
    <ActionsProvider value={fakeActions().actions}>
      <FoldsProvider value={{}}>{opened.draw({ place: { view: 'delivery', subject: '', other: '' }, panel: state })}</FoldsProvider>
    </ActionsProvider>
  );
  await act(() => vi.advanceTimersByTimeAsync(500));
}

describe('shares and spans', () => {
  it('never say all or nothing of what is not', () => {
    expect([0, 0.001, 0.5, 0.999, 1].map(percent)).toEqual(['0 %', '<1 %', '50 %', '>99 %', '100 %']);
    expect(share(0, 0)).toBeNull();
  });

  it('are days where hours are many', () => {
    expect([3600, 90_000, 86_400, 86_400 * 30].map(span)).toEqual(['1 h 00 m', '1 d 1 h', '1 d', '30 d']);
  });

  it('by week are missing where there was nothing to count', () => {
    expect(weekly(deliveryOf('a'), week => week.failed_runs, week => week.runs)).toEqual([0.25, null]);
  });
});

describe('the delivery tab', () => {
  it('shows the experiment of the notebook, and another on request', async () => {
    await show([deliveryOf('other'), deliveryOf('e1', { to_job: null })]);
    expect(screen.getByRole('heading', { level: 2, name: 'e1' })).toBeTruthy();
    expect(screen.getByRole('region', { name: 'First run to verified job' }).textContent).toContain('–');
    fireEvent.click(screen.getByRole('button', { name: 'other' }));
    expect(screen.getByRole('region', { name: 'First run to verified job' }).textContent).toContain('1 d 1 h');
    expect(screen.getByRole('region', { name: 'Runs that fail' }).textContent).toContain('1 of 4 runs');
    expect(screen.getByRole('img', { name: /Runs that fail by week.*25 %/ })).toBeTruthy();
  });

  it('says what it will count where there is nothing yet', async () => {
    await show([]);
    expect(screen.getByText(/Nothing to count yet/)).toBeTruthy();
  });
});
