/** What every chart has around it: choices, what stands under the pointer or the keyboard, files to save, and the same as a table. */

import * as React from 'react';

import { problemOf, type Problem } from '../../model/problem';
import { dimensionKey, type Dimension, type Tick } from '../../model/runs-plots';
import { Button, Fold, ProblemNote } from '../parts';
import { useText } from '../text';
import { savePng, saveText, svgText } from './export';

const ROWS_SHOWN = 100;
/** Pixels of a digit beside a tick. */
const DIGIT = 6.5;

/** Colours of the theme, and dashes, so that neighbours differ by more than their colour. */
const COLOURS = ['brand-color1', 'warn-color1', 'success-color1', 'error-color1', 'mirror-editor-operator-color', 'mirror-editor-atom-color', 'mirror-editor-property-color'];
const DASHES = ['', '6 3', '2 3', '8 3 2 3'];

export function strokeOf(index: number): { stroke: string; strokeDasharray: string } {
  return {
    stroke: `var(--jp-${COLOURS[index % COLOURS.length] ?? ''})`,
    strokeDasharray: DASHES[Math.floor(index / COLOURS.length) % DASHES.length] ?? ''
  };
}

interface FrameProps {
  /** Part of the names of saved files. */
  name: string;
  choices?: React.ReactNode;
  chart: React.RefObject<SVGSVGElement>;
  csv: () => string;
  /** What is under the pointer, in words. */
  readout: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
  children: React.ReactNode;
}

export function Frame({ name, choices, chart, csv, readout, head, rows, children }: FrameProps): React.JSX.Element {
  const text = useText();
  const [problem, setProblem] = React.useState<Problem | null>(null);
  const [done, setDone] = React.useState('');
  const save = (kind: string, write: (svg: SVGSVGElement) => void | Promise<void>) => (): void => {
    const svg = chart.current;
    if (svg) {
      Promise.resolve(write(svg)).then(() => setDone(text.__('Saved as %1.', kind)), (error: unknown) => setProblem(problemOf(error)));
    }
  };
  return (
    <figure className="jp-mlops-chart" data-testid={`mlops-chart-${name}`}>
      {choices && <div className="jp-mlops-choose">{choices}</div>}
      {children}
      <figcaption>
        <p className="jp-mlops-readout jp-mlops-figure" role="status">{readout}</p>
        <div className="jp-mlops-save" role="group" aria-label={text.__('Save this chart')}>
          <Button kind="quiet" label={text.__('Save as SVG')} onClick={save('SVG', svg => saveText(svg, svgText(svg), `${name}.svg`, 'image/svg+xml'))}>SVG</Button>
          <Button kind="quiet" label={text.__('Save as PNG')} onClick={save('PNG', svg => savePng(svg, `${name}.png`))}>PNG</Button>
          <Button kind="quiet" label={text.__('Save the figures as CSV')} onClick={save('CSV', svg => saveText(svg, csv(), `${name}.csv`, 'text/csv'))}>CSV</Button>
          <span className="jp-mlops-hidden" role="status">{done}</span>
        </div>
      </figcaption>
      <ProblemNote problem={problem} />
      <Fold name={`chart:${name}`} label={text.__('As a table')}>
        <div className="jp-mlops-chart-table">
          <table className="jp-mlops-table">
            <thead><tr>{head.map(one => <th key={one} scope="col">{one}</th>)}</tr></thead>
            <tbody>
              {rows.slice(0, ROWS_SHOWN).map((row, i) => <tr key={i}>{row.map((cell, j) => (j === 0 ? <th key={j} scope="row">{cell}</th> : <td key={j} className="jp-mlops-figure">{cell}</td>))}</tr>)}
            </tbody>
          </table>
        </div>
        {rows.length > ROWS_SHOWN && <p className="jp-mlops-muted jp-mlops-small">{text.__('The first %1 of %2; all of them are in the CSV.', ROWS_SHOWN, rows.length)}</p>}
      </Fold>
    </figure>
  );
}

export function Choose({ label, value, of, onChoose }: { label: string; value: string; of: readonly Dimension[]; onChoose: (key: string) => void }): React.JSX.Element {
  const id = React.useId();
  return (
    <span className="jp-mlops-choice">
      <label htmlFor={id}>{label}</label>
      <select id={id} className="jp-mlops-select" value={value} onChange={event => onChoose(event.target.value)}>
        {of.map(one => <option key={dimensionKey(one)} value={dimensionKey(one)}>{one.name}</option>)}
      </select>
    </span>
  );
}

/** The ticks whose words do not run into those before them: on a logarithmic axis they come close. */
export function apart(ticks: readonly Tick[]): readonly Tick[] {
  let end = -Infinity;
  return [...ticks].sort((a, b) => a.at - b.at).filter(tick => {
    const half = (clip(tick.text).length * DIGIT) / 2;
    const free = tick.at - half > end;
    end = free ? tick.at + half + DIGIT : end;
    return free;
  });
}

/** The ticks of an axis: below the chart, or at its left. */
export function Ticks({ ticks, side, at, length }: { ticks: readonly Tick[]; side: 'below' | 'left'; at: number; length: number }): React.JSX.Element {
  return (
    <g className="jp-mlops-ticks">
      {(side === 'below' ? apart(ticks) : ticks).map(tick => (side === 'below' ? (
        <g key={tick.text} transform={`translate(${tick.at},${at})`}>
          <line y2={-length} />
          <text y={14} textAnchor="middle">{clip(tick.text)}</text>
        </g>
      ) : (
        <g key={tick.text} transform={`translate(${at},${tick.at})`}>
          <line x2={length} />
          <text x={-6} dy="0.32em" textAnchor="end">{clip(tick.text, 8)}</text>
        </g>
      )))}
    </g>
  );
}

export function clip(text: string, most = 14): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
