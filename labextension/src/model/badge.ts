/** Whether what the notebook shows can be had again: one word, and the fact behind it. Pure. */

import type { Run, StaleCell, Verification } from '../api/schema';
import { verdictOf } from './format';

export type BadgeWord = 'unknown' | 'verified' | 'verified before edit' | 'different';

/** Why: `number` is that of the run, 0 if it has none. */
export type BadgeFact =
  | { readonly why: 'no result' | 'cells' | 'environment' }
  | { readonly why: 'not verified'; readonly number: number }
  | { readonly why: 'result'; readonly name: string; readonly verdict: Verification['verdict']; readonly detail: string }
  | { readonly why: 'cell'; readonly n: number; readonly reason: string }
  | { readonly why: 'holds'; readonly number: number; readonly verdict: Verification['verdict'] };

export interface Badge {
  readonly word: BadgeWord;
  readonly fact: BadgeFact;
  /** Id of the run that it is about; "" if there is none. */
  readonly run: string;
}

const HOLDS: ReadonlySet<Verification['verdict']> = new Set<Verification['verdict']>(['identical', 'within tolerance']);

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
    return { word: 'unknown', fact: { why: 'no result' }, run: '' };
  }
  const { verification } = run;
  const number = run.number ?? 0;
  const verdict = verdictOf(run);
  const says = (word: BadgeWord, fact: BadgeFact): Badge => ({ word, fact, run: run.id });
  if (!verification || verdict === 'unverified') {
    return says('unknown', { why: 'not verified', number });
  }
  if (!HOLDS.has(verification.verdict)) {
    const worst = (verification.results ?? []).find(one => one.verdict === verification.verdict);
    return says('different', { why: 'result', name: worst?.name ?? '', verdict: verification.verdict, detail: verification.detail ?? '' });
  }
  const changed = edited(run, stale);
  if (verdict === 'verified before edit' || changed) {
    return says('verified before edit', changed ? { why: 'cell', n: changed.n ?? 0, reason: changed.reason } : { why: 'cells' });
  }
  const there = verification.environment ?? '';
  if (there !== '' && environment !== '' && there !== environment) {
    return says('verified before edit', { why: 'environment' });
  }
  return says('verified', { why: 'holds', number, verdict: verification.verdict });
}
