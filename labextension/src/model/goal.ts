/** The objective of an experiment, and who has met it. Pure. */

import type { Goal, Run } from '../api/schema';

/** Of the runs that meet it, newest first, the one that does so by most; the newest of equals, and where it has two bounds. */
export function bestMet(runs: readonly Run[], goal: Goal): Run | undefined {
  const [newest, ...older] = runs.filter(run => run.goal === 'met');
  const least = typeof goal.at_least === 'number';
  if (newest === undefined || least === (typeof goal.at_most === 'number')) {
    return newest;
  }
  const by = (run: Run): number => {
    const value = run.metrics?.find(metric => metric.name === goal.metric && (metric.key ?? '') === '')?.value;
    return typeof value === 'number' ? (least ? value : -value) : -Infinity;
  };
  return older.reduce((best, run) => (by(run) > by(best) ? run : best), newest);
}
