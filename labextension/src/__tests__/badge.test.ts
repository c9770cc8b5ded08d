import { describe, expect, it } from 'vitest';

import type { Run, Verification } from '../api/schema';
import { badgeOf } from '../model/badge';
import { runOf } from './fakes';

const VERDICT: Verification = { id: 'v', run: 'r1', session: 's1', result: 'auc', at: 1, verdict: 'identical', slice_digest: 'd1', environment: 'e1' };

function run(part: Partial<Run> = {}): Run {
  return runOf('r1', { number: 4, cells: [2, 5], verification: VERDICT, ...part });
}

describe('the reproducibility badge', () => {
  it('is unknown without a run, and for a run that was not verified', () => {
    expect(badgeOf([], 's1', [], '')).toMatchObject({ word: 'unknown', fact: { why: 'no result' } });
    expect(badgeOf([run({ verification: null })], 's1', [], 'e1')).toMatchObject({ word: 'unknown', fact: { why: 'not verified', number: 4 }, run: 'r1' });
  });

  it('is verified where source, data and environment are still those', () => {
    expect(badgeOf([run()], 's1', [], 'e1').word).toBe('verified');
    expect(badgeOf([run()], 's1', [{ id: 'c9', n: 9, reason: 'edited since', kind: 'edited' }], 'e1').word).toBe('verified');
  });

  it('is of before the edit once a cell that the run needs does not hold, or its cells or the environment are others', () => {
    const stale = [{ id: 'c5', n: 5, reason: 'edited since', kind: 'edited' }];
    expect(badgeOf([run()], 's1', stale, 'e1')).toMatchObject({ word: 'verified before edit', fact: { why: 'cell', n: 5, reason: 'edited since' } });
    expect(badgeOf([run({ slice_digest: 'd2' })], 's1', [], 'e1').word).toBe('verified before edit');
    expect(badgeOf([run()], 's1', [], 'e2')).toMatchObject({ word: 'verified before edit', fact: { why: 'environment' } });
  });

  it('is different with the result that was, and looks at runs of this session only', () => {
    const other: Verification = { ...VERDICT, verdict: 'different', results: [{ name: 'auc', verdict: 'different', expected: 0.7, found: 0.6 }] };
    expect(badgeOf([run({ verification: other })], 's1', [], 'e1')).toMatchObject({ word: 'different', fact: { why: 'result', name: 'auc', verdict: 'different' } });
    expect(badgeOf([run({ session: 's0' })], 's1', [], 'e1').word).toBe('unknown');
  });
});
