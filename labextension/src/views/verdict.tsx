/** The verdict of a verification as a badge, and its results. */

import * as React from 'react';

import type { ResultVerdict, Verification } from '../api/schema';
import { apart, scalar, when, type VerdictMark } from '../format';
import type { Mark } from './icons';
import { Chip, type Tone } from './parts';

const LOOKS: Record<VerdictMark, { mark: Mark; tone: Tone }> = {
  identical: { mark: 'check', tone: 'good' },
  'within tolerance': { mark: 'approx', tone: 'good' },
  different: { mark: 'cross', tone: 'bad' },
  'input gone': { mark: 'question', tone: 'fair' },
  failed: { mark: 'cross', tone: 'bad' },
  'verified before edit': { mark: 'history', tone: 'fair' },
  unverified: { mark: 'dash', tone: 'plain' }
};

function isMark(word: string): word is VerdictMark {
  return word in LOOKS;
}

export function Verdict({ verdict, title = '' }: { verdict: string; title?: string }): React.JSX.Element {
  const look = isMark(verdict) ? LOOKS[verdict] : LOOKS.unverified;
  return (
    <Chip {...(look.mark === 'dash' ? {} : { mark: look.mark })} tone={look.tone} testid="mlops-verdict" title={title}>
      {verdict}
    </Chip>
  );
}

/** Both values, with as many digits as it takes to see that they differ. */
function comparison(result: ResultVerdict): [string, string] {
  const { expected, found } = result;
  if (typeof expected === 'number' && typeof found === 'number') {
    return apart(expected, found);
  }
  return [expected === undefined ? '–' : scalar(expected), found === undefined ? result.verdict : scalar(found)];
}

/** What was recorded and what the clean run gave, result by result. */
export function VerdictResults({ verification }: { verification: Verification }): React.JSX.Element {
  const results = verification.results ?? [];
  return (
    <div className="jp-mlops-block">
      <h3 className="jp-mlops-label">
        Verification <span className="jp-mlops-label-note">{when(verification.at)}</span>
      </h3>
      {(verification.detail ?? '') !== '' && <p className="jp-mlops-wrap">{verification.detail}</p>}
      {results.length > 0 && (
        <table className="jp-mlops-table">
          <thead>
            <tr>
              <th scope="col">result</th>
              <th scope="col">recorded</th>
              <th scope="col">clean run</th>
            </tr>
          </thead>
          <tbody>
            {results.map(result => (
              <tr key={result.name} data-verdict={result.verdict} title={result.detail ?? result.verdict}>
                <th scope="row">{result.name}</th>
                {comparison(result).map((text, i) => (
                  <td key={i} className="jp-mlops-figure">{text}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
