/** Twelve weeks as bars: a week without anything to count has none, one that counts nothing has a line at its foot. */

import * as React from 'react';

import { useText } from './text';

const WIDTH = 144;
const HEIGHT = 28;
const GAP = 2;

interface TrendProps {
  name: string;
  weeks: readonly (number | null)[];
  starts: readonly number[];
  /** What a full bar stands for; null: the largest of the weeks. */
  top: number | null;
  words: (value: number) => string;
}

function day(at: number): string {
  return new Date(at * 1000).toLocaleDateString(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });
}

export function Trend({ name, weeks, starts, top, words }: TrendProps): React.JSX.Element {
  const text = useText();
  const most = Math.max(top ?? Math.max(...weeks.map(value => value ?? 0)), Number.MIN_VALUE);
  const step = WIDTH / Math.max(1, weeks.length);
  const said = weeks.map((value, i) => (value === null ? '' : `${day(starts[i] ?? 0)}: ${words(value)}`)).filter(part => part !== '');
  return (
    <svg className="jp-mlops-trend" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={text.__('%1 by week. %2', name, said.join(', ') || text.__('nothing yet'))}>
      {weeks.map((value, i) => {
        const height = value === null ? 0 : Math.max(1, (value / most) * (HEIGHT - 2));
        return (
          <rect key={i} x={i * step + GAP / 2} width={step - GAP} y={HEIGHT - height} height={height} data-last={i === weeks.length - 1}>
            <title>{`${day(starts[i] ?? 0)}: ${value === null ? text.__('nothing') : words(value)}`}</title>
          </rect>
        );
      })}
      <line x1={0} x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
    </svg>
  );
}
