/** The verdict of a verification as a badge, and its results. */

import * as React from 'react';

import type { ResultVerdict, Verification } from '../api/schema';
import { apart, scalar, when, type VerdictMark } from '../model/format';
import type { Mark } from './icons';
import { Breakable, Chip, Fold, type Tone } from './parts';
import { useText, type Text } from './text';
import { verdictWord } from './words';

const FEW = 3;

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
  const text = useText();
  const look = isMark(verdict) ? LOOKS[verdict] : LOOKS.unverified;
  return (
    <Chip {...(look.mark === 'dash' ? {} : { mark: look.mark })} tone={look.tone} testid="mlops-verdict" title={title}>
      {verdictWord(text, verdict)}
    </Chip>
  );
}

/** Both values, with as many digits as it takes to see that they differ. */
function comparison(result: ResultVerdict, text: Text): [string, string] {
  const { expected, found } = result;
  if (typeof expected === 'number' && typeof found === 'number') {
    return apart(expected, found);
  }
  return [expected === undefined ? '–' : scalar(expected), found === undefined ? verdictWord(text, result.verdict) : scalar(found)];
}

/** A value of a group (`auc_by_carrier[UA]`) that came out again: said in a number, shown on request. */
function isQuiet(result: ResultVerdict): boolean {
  return result.verdict === 'identical' && result.name.endsWith(']');
}

function Results({ results, headed }: { results: readonly ResultVerdict[]; headed: boolean }): React.JSX.Element {
  const text = useText();
  return (
    <table className="jp-mlops-table jp-mlops-stacks">
      <thead className={headed ? '' : 'jp-mlops-hidden'}>
        <tr>
          <th scope="col">{text.__('result')}</th>
          <th scope="col">{text.__('recorded')}</th>
          <th scope="col">{text.__('clean run')}</th>
        </tr>
      </thead>
      <tbody>
        {results.map(result => (
          <tr key={result.name} data-verdict={result.verdict} title={verdictWord(text, result.verdict)}>
            <th scope="row"><Breakable text={result.name} />{result.verdict !== 'identical' && (result.detail ?? '') !== '' && <p className="jp-mlops-why">{result.detail}</p>}</th>
            {comparison(result, text).map((value, i) => (
              <td key={i} className="jp-mlops-figure">{value}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What was recorded and what the clean run gave, result by result. */
export function VerdictResults({ verification }: { verification: Verification }): React.JSX.Element {
  const text = useText();
  const all = verification.results ?? [];
  const quiet = all.filter(isQuiet);
  const few = quiet.length <= FEW;
  const results = few ? all : all.filter(result => !isQuiet(result));
  return (
    <div className="jp-mlops-block">
      <h3 className="jp-mlops-label">
        {text.__('Verification')} <span className="jp-mlops-label-note">{when(verification.at)}</span>
      </h3>
      {(verification.detail ?? '') !== '' && <p className="jp-mlops-wrap">{verification.detail}</p>}
      {results.length > 0 && <Results results={results} headed />}
      {!few && (
        <Fold name={`verified:${verification.id}`} label={results.length > 0 ? text.__('%1 more identical', quiet.length) : text.__('%1 identical', quiet.length)}>
          <Results results={quiet} headed={false} />
        </Fold>
      )}
    </div>
  );
}
