/** One column of a table: a small histogram or its most frequent values, and the figures; two versions lie over each other. */

import * as React from 'react';

import type { ColumnPicture } from '../../api/schema';
import { asShares, barsOf, distance, moment } from '../../model/data';
import { number } from '../../model/format';
import { Breakable, Chip } from '../parts';
import { useText, type Text } from '../text';

const WIDTH = 160;
const HEIGHT = 36;
const APART = 0.1;

function shown(column: ColumnPicture, value: number | null | undefined): string {
  return value === null || value === undefined ? '' : column.kind === 'moment' ? moment(value) : number(value);
}

/** The histogram in words, for those who do not see it. */
function words(text: Text, column: ColumnPicture): string {
  const bins = column.bins ?? [];
  const highest = bins.indexOf(Math.max(...bins));
  const width = ((column.high ?? 0) - (column.low ?? 0)) / (bins.length || 1);
  const from = (column.low ?? 0) + highest * width;
  return text.__('Histogram from %1 to %2, highest near %3', shown(column, column.low), shown(column, column.high), shown(column, from));
}

function path(column: ColumnPicture, highest: number): string {
  return barsOf(column, highest).filter(bar => bar.height > 0).map(bar => {
    const height = Math.max(1, bar.height * HEIGHT);
    const x = bar.x * WIDTH;
    return `M${x.toFixed(1)} ${HEIGHT}v${(-height).toFixed(1)}h${Math.max(0.5, bar.width * WIDTH - 0.7).toFixed(1)}v${height.toFixed(1)}z`;
  }).join('');
}

function Histogram({ column, other }: { column: ColumnPicture; other: ColumnPicture | undefined }): React.JSX.Element {
  const text = useText();
  const both = other && (other.bins ?? []).length > 0 ? [asShares(column), asShares(other)] : [column];
  const highest = Math.max(...both.flatMap(one => one.bins ?? []));
  return (
    <div className="jp-mlops-histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words(text, column)}>
        {both[1] && <path className="jp-mlops-mod-before" d={path(both[1], highest)} />}
        {both[0] && <path d={path(both[0], highest)} />}
      </svg>
      <p className="jp-mlops-ends jp-mlops-figure">
        <span>{shown(column, column.low)}</span>
        <span>{shown(column, column.high)}</span>
      </p>
    </div>
  );
}

/** The most frequent values, as bars of their share of the rows. */
function Top({ column, other }: { column: ColumnPicture; other: ColumnPicture | undefined }): React.JSX.Element {
  const text = useText();
  const rows = Math.max(1, column.count - (column.nulls ?? 0));
  const rowsOf = Math.max(1, (other?.count ?? 0) - (other?.nulls ?? 0));
  const before = new Map((other?.top ?? []).map(value => [value.text, value.count / rowsOf]));
  const percent = (share: number): string => (share > 0 && share < 0.01 ? '<1 %' : `${Math.round(share * 100)} %`);
  const most = Math.max(...(column.top ?? []).map(value => value.count / rows), ...before.values(), 0.0001);
  return (
    <ul className="jp-mlops-top" aria-label={text.__('Most frequent values')}>
      {(column.top ?? []).map(value => (
        <li key={value.text}>
          <span className="jp-mlops-top-text" title={value.text}>{value.text === '' ? text.__('(empty)') : value.text}</span>
          <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            {before.has(value.text) && <path className="jp-mlops-mod-before" d={`M0 0h${((before.get(value.text) ?? 0) / most) * 100}v10H0z`} />}
            <path d={`M0 1.5h${(value.count / rows / most) * 100}v7H0z`} />
          </svg>
          <span className="jp-mlops-figure">{percent(value.count / rows)}</span>
        </li>
      ))}
      {(column.others ?? 0) > 0 && (
        <li className="jp-mlops-muted">
          <span>{column.distinct === null || column.distinct === undefined ? text.__('more than 1,000 values') : text.__('%1 more values', column.distinct - (column.top ?? []).length)}</span>
          <span />
          <span className="jp-mlops-figure">{percent((column.others ?? 0) / rows)}</span>
        </li>
      )}
    </ul>
  );
}

/** Of truth values, nothing is false. */
function zeroWords(text: Text, column: ColumnPicture): string {
  const n = (column.zeros ?? 0).toLocaleString('en');
  return column.type === 'bool' ? text.__('%1 false', n) : text.__('%1 zero', n);
}

function facts(text: Text, column: ColumnPicture): string[] {
  const share = column.count === 0 ? 0 : (column.nulls ?? 0) / column.count;
  return [
    (column.nulls ?? 0) > 0 ? text.__('%1 null (%2 %)', (column.nulls ?? 0).toLocaleString('en'), share < 0.01 ? '<1' : Math.round(share * 100)) : text.__('no nulls'),
    (column.zeros ?? 0) > 0 && column.kind === 'number' ? zeroWords(text, column) : '',
    (column.infinities ?? 0) > 0 ? text.__('%1 infinite', (column.infinities ?? 0).toLocaleString('en')) : '',
    column.kind === 'text' && column.distinct !== null && column.distinct !== undefined ? text._n('%1 value', '%1 values', column.distinct) : ''
  ].filter(fact => fact !== '');
}

export function ColumnCard({ column, other }: { column: ColumnPicture; other: ColumnPicture | undefined }): React.JSX.Element {
  const text = useText();
  const far = other ? distance(column, other) : null;
  return (
    <li className="jp-mlops-column" data-testid="mlops-column">
      <p className="jp-mlops-column-title">
        <strong title={column.name}><Breakable text={column.name} /></strong>
        <span className="jp-mlops-muted">{column.type}</span>
        {far !== null && far > APART && <Chip tone="fair">{text.__('moved %1 %', Math.round(far * 100))}</Chip>}
      </p>
      {(column.bins ?? []).length > 0 && <Histogram column={column} other={other} />}
      {column.kind === 'text' && <Top column={column} other={other} />}
      <p className="jp-mlops-column-facts jp-mlops-figure">{facts(text, column).join(' · ')}</p>
    </li>
  );
}
