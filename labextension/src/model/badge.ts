/** Whether what the notebook shows can be had again: one word, and why. Pure. */

import type { Run, StaleCell } from '../api/schema';
import { verdictOf } from './format';

export type BadgeWord = 'unknown' | 'verified' | 'verified before edit' | 'different';

export interface Badge {
  readonly word: BadgeWord;
  readonly reason: string;
  /** Id of the run that it is about; "" if there is none. */
  readonly run: string;
}

const HOLDS: readonly string[] = ['identical', 'within tolerance'];

function nameOf(run: Run): string {
  return (run.number ?? 0) > 0 ? `#${run.number}` : 'the run';
}

/** A cell of the run that no longer holds, as it stands in the notebook now. */
function edited(run: Run, stale: readonly StaleCell[]): StaleCell | undefined {
  const needed = new Set(run.cells ?? []);
  return stale.find(cell => cell.n !== null && cell.n !== undefined && needed.has(cell.n));
}

/**
 * The badge of the newest run of a session. `stale`: cells of the open notebook that do not hold; `environment`: id of the
 * session's environment now, "" if it is not known.
 */
export function badgeOf(runs: readonly Run[], session: string, stale: readonly StaleCell[], environment: string): Badge {
  const run = runs.find(one => one.session === session && one.deleted !== true);
  if (!run) {
    return { word: 'unknown', reason: 'no result yet', run: '' };
  }
  const { verification } = run;
  const verdict = verdictOf(run);
  if (!verification || verdict === 'unverified') {
    return { word: 'unknown', reason: `${nameOf(run)} was not verified`, run: run.id };
  }
  if (!HOLDS.includes(verification.verdict)) {
    const worst = (verification.results ?? []).find(one => one.verdict === verification.verdict);
    const what = worst ? `${worst.name}: ${verification.verdict}` : verification.verdict;
    return { word: 'different', reason: [what, verification.detail ?? ''].filter(part => part !== '').join('; '), run: run.id };
  }
  const changed = edited(run, stale);
  if (verdict === 'verified before edit' || changed) {
    const why = changed ? `cell ${changed.n ?? ''}: ${changed.reason}` : 'its cells are others now';
    return { word: 'verified before edit', reason: why, run: run.id };
  }
  const there = verification.environment ?? '';
  if (there !== '' && environment !== '' && there !== environment) {
    return { word: 'verified before edit', reason: 'the environment has changed since', run: run.id };
  }
  return { word: 'verified', reason: `${nameOf(run)} came out ${verification.verdict} in a clean kernel, from this source, data and environment`, run: run.id };
}
