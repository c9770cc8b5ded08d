/** What a sweep is to try: values for each parameter, and how many children that makes. */

import * as React from 'react';

import type { JobParameter, SweepBody } from '../../api/schema';
import { Breakable } from '../parts';
import { useText } from '../text';
import { asText, choicesOf, rangeOf, TextField } from './fields';

export interface Axes {
  readonly values: Readonly<Record<string, string>>;
  readonly draws: string;
  set(name: string, values: string): void;
  setDraws(draws: string): void;
  /** How many runs it would be; 0 where there is nothing to vary. */
  readonly children: number;
  body(): Pick<SweepBody, 'grid' | 'fixed' | 'random' | 'ranges'>;
}

/** `1, 2, 4` is three values; a value with a range in it (`0.01..1`) is drawn from. */
export function partsOf(values: string): string[] {
  return values.split(',').map(value => value.trim()).filter(value => value !== '');
}

const drawn = (values: string): boolean => values.includes('..');

export function axesOf(values: Readonly<Record<string, string>>, draws: number): { children: number; body: Pick<SweepBody, 'grid' | 'fixed' | 'random' | 'ranges'> } {
  const given = Object.entries(values).filter(([, text]) => partsOf(text).length > 0);
  const grid = given.filter(([, text]) => !drawn(text) && partsOf(text).length > 1);
  const fixed = given.filter(([, text]) => !drawn(text) && partsOf(text).length === 1);
  const ranges = given.filter(([, text]) => drawn(text));
  const random = ranges.length > 0 ? draws : 0;
  const points = grid.reduce((product, [, text]) => product * partsOf(text).length, 1);
  const children = grid.length + ranges.length === 0 ? 0 : points * Math.max(1, random);
  const joined = (found: [string, string][]): Record<string, string> => Object.fromEntries(found.map(([name, text]) => [name, partsOf(text).join(',')]));
  return { children, body: { grid: joined(grid), fixed: joined(fixed), random, ranges: joined(ranges) } };
}

export function useAxes(parameters: readonly JobParameter[]): Axes {
  const [values, setValues] = React.useState<Record<string, string>>({});
  const [draws, setDraws] = React.useState('20');
  const known = Object.fromEntries(Object.entries(values).filter(([name]) => parameters.some(one => one.name === name)));
  const { children, body } = axesOf(known, Math.max(1, Math.floor(Number(draws) || 1)));
  return { values, draws, set: (name, text) => setValues(before => ({ ...before, [name]: text })), setDraws, children, body: () => body };
}

export function SweepFields({ parameters, axes }: { parameters: readonly JobParameter[]; axes: Axes }): React.JSX.Element {
  const text = useText();
  const swept = parameters.filter(one => one.type !== 'array' && one.type !== 'secret');
  const anyDrawn = Object.values(axes.values).some(drawn);
  return (
    <div className="jp-mlops-fields" data-testid="mlops-sweep-form">
      <h3 className="jp-mlops-label">
        {text.__('Values to try')} <span className="jp-mlops-label-note">{text.__('1, 2, 4 or a range to draw from: 0.01..1')}</span>
      </h3>
      {swept.map(one => (
        <TextField
          key={one.name}
          label={<code><Breakable text={one.name} /></code>}
          placeholder={choicesOf(one)?.join(', ') ?? asText(one)}
          help={[one.description ?? '', rangeOf(one)].filter(part => part !== '').join(' · ')}
          value={axes.values[one.name] ?? ''}
          onChange={value => axes.set(one.name, value)}
        />
      ))}
      {swept.length === 0 && <p className="jp-mlops-muted">{text.__('This job has no parameter that could take several values.')}</p>}
      {anyDrawn && <TextField label={text.__('Draws')} type="number" value={axes.draws} onChange={value => axes.setDraws(value)} />}
      <p className="jp-mlops-muted jp-mlops-figure" role="status">
        {axes.children > 0 ? text._n('%1 run', '%1 runs', axes.children) : text.__('Give at least one parameter two values.')}
      </p>
    </div>
  );
}
