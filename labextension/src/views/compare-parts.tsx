/** Code as a diff by cell, and data down to columns and rows. What is added or removed is told by a sign too, not by colour alone. */

import * as React from 'react';

import type { CodeChange, DataChange } from '../api/schema';
import { dataWords, diffLines, type DataWord, type DiffLine } from '../model/runs-compare';
import { Breakable, Chip, type Tone } from './parts';
import { useText, type Text } from './text';
import { changeWord } from './words';

const NAMES_SHOWN = 8;
const STRETCHES_SHOWN = 4;
const LINES_SHOWN = 400;
const SIGN = { '+': '+', '-': '−', ' ': ' ', '@': '⋯' } as const;

function Line({ line }: { line: DiffLine }): React.JSX.Element {
  const text = useText();
  const words = { '+': text.__('added: '), '-': text.__('removed: '), ' ': '', '@': text.__('lines left out') }[line.mark];
  return (
    <div className="jp-mlops-codediff-line" data-mark={line.mark}>
      <span className="jp-mlops-codediff-mark" aria-hidden="true">{SIGN[line.mark]}</span>
      <span>{words !== '' && <span className="jp-mlops-hidden">{words}</span>}{line.text}</span>
    </div>
  );
}

/** A unified diff. */
export function Diff({ diff, label }: { diff: string; label: string }): React.JSX.Element {
  const text = useText();
  const lines = diffLines(diff);
  return (
    // Wide code scrolls, which the keyboard does too.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="jp-mlops-codediff" role="group" aria-label={label} tabIndex={0}>
      <div>
        {lines.slice(0, LINES_SHOWN).map((line, i) => <Line key={i} line={line} />)}
        {lines.length > LINES_SHOWN && <p className="jp-mlops-muted">{text.__('and %1 more lines', lines.length - LINES_SHOWN)}</p>}
      </div>
    </div>
  );
}

const TONES: Partial<Record<string, Tone>> = { added: 'good', removed: 'bad', changed: 'fair' };

export function CodeChanges({ changes, a, b }: { changes: readonly CodeChange[]; a: number; b: number }): React.JSX.Element {
  const text = useText();
  const place = (change: CodeChange): string => {
    const left = change.a ?? null;
    const right = change.b ?? null;
    return left !== null && right !== null && left !== right
      ? text.__('Cell %1 of #%2, cell %3 of #%4', left, a, right, b)
      : text.__('Cell %1', right ?? left ?? 0);
  };
  return (
    <ol className="jp-mlops-code-changes" data-testid="mlops-code-changes">
      {changes.map((change, i) => (
        <li key={i}>
          <h3 className="jp-mlops-label">{place(change)} <Chip tone={TONES[change.kind] ?? 'plain'}>{changeWord(text, change.kind)}</Chip></h3>
          <Diff diff={change.diff} label={place(change)} />
        </li>
      ))}
    </ol>
  );
}

function names(columns: readonly string[]): string {
  const more = columns.length - NAMES_SHOWN;
  return columns.slice(0, NAMES_SHOWN).join(', ') + (more > 0 ? ` … (${columns.length})` : '');
}

/** Rows from 0, both ends included. */
function rowWords(stretches: readonly (readonly [number, number])[], text: Text): string {
  const said = stretches.slice(0, STRETCHES_SHOWN).map(([from, to]) => `${from.toLocaleString('en')}–${(to - 1).toLocaleString('en')}`);
  const more = stretches.length - STRETCHES_SHOWN;
  return text.__('rows %1', said.join(', ')) + (more > 0 ? text._n(' and %1 more stretch', ' and %1 more stretches', more) : '');
}

function wordsOf(word: DataWord, text: Text): string {
  switch (word.what) {
    case 'rows': {
      const who = names(word.columns.filter(name => name !== ''));
      const where = word.stretches.length > 0 ? rowWords(word.stretches, text) : '';
      return who === '' ? text.__('%1 changed', where === '' ? text.__('values') : where) : where === '' ? text.__('%1 changed', who) : text.__('%1: %2 changed', who, where);
    }
    case 'type': return text.__('%1: %2 → %3', word.column, word.a === '' ? '?' : word.a, word.b === '' ? '?' : word.b);
    case 'added': return text._n('column added: %2', 'columns added: %2', word.columns.length, names(word.columns));
    case 'removed': return text._n('column removed: %2', 'columns removed: %2', word.columns.length, names(word.columns));
    case 'unread': return text.__('not read in full: %1', names(word.columns));
    case 'appended': {
      const rows = Math.abs(word.rows).toLocaleString('en');
      const said = word.rows > 0 ? text.__('%1 rows appended, the first %2 unchanged', rows, word.unchanged.toLocaleString('en')) : text.__('%1 rows fewer at the end', rows);
      return word.open > 0 ? text.__('%1, the next %2 not comparable', said, word.open.toLocaleString('en')) : said;
    }
  }
}

function size(shape: readonly number[] | null | undefined): string {
  return shape ? shape.map(side => side.toLocaleString('en')).join(' × ') : '';
}

/** `100 × 5 → 120 × 5`; "" where it is the same, or not known. */
function sizes(change: DataChange): string {
  const [a, b] = [size(change.shape_a), size(change.shape_b)];
  return a === b ? '' : [a, b].filter(side => side !== '').join(' → ');
}

export function DataChanges({ changes }: { changes: readonly DataChange[] }): React.JSX.Element {
  const text = useText();
  return (
    <ul className="jp-mlops-data-changes" data-testid="mlops-data-changes">
      {changes.map(change => {
        const words = [...dataWords(change).map(word => wordsOf(word, text)), sizes(change)].filter(one => one !== '');
        return (
          <li key={change.name}>
            <p className="jp-mlops-label"><code><Breakable text={change.name} /></code> <Chip tone={TONES[change.kind] ?? 'plain'}>{changeWord(text, change.kind)}</Chip></p>
            {words.length > 0 && <ul>{words.map(one => <li key={one} className="jp-mlops-wrap jp-mlops-figure">{one}</li>)}</ul>}
          </li>
        );
      })}
    </ul>
  );
}
