import { describe, expect, it } from 'vitest';

import type { Goal, Run } from '../api/schema';
import { bestMet } from '../model/goal';
import { runOf } from './fakes';

const GOAL: Goal = { experiment_id: 'e', at: 1, text: 'catch them', metric: 'auc', at_least: 0.7 };

function run(number: number, auc: number, goal: Run['goal'] = 'met'): Run {
  return runOf(`r${number}`, { number, goal, metrics: [{ name: 'auc', value: 0.99, key: 'north' }, { name: 'auc', value: auc }] });
}

describe('the run that meets the objective', () => {
  it('is the one that does so by most, the newest of equals', () => {
    const runs = [run(5, 0.8), run(4, 0.9, ''), run(3, 0.85), run(2, 0.85), run(1, 0.72)];
    expect(bestMet(runs, GOAL)?.number).toBe(3);
    expect(bestMet(runs, { ...GOAL, at_least: null, at_most: 0.9 })?.number).toBe(1);
  });

  it('is the newest where two bounds name no direction, and nobody where none meets it', () => {
    expect(bestMet([run(5, 0.8), run(3, 0.85)], { ...GOAL, at_most: 0.9 })?.number).toBe(5);
    expect(bestMet([run(5, 0.6, 'missed')], GOAL)).toBeUndefined();
  });
});
