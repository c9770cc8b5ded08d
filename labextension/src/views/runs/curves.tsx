/** The course of a metric in several runs, over its steps. */

import * as React from 'react';

import { scaleLinear } from 'd3-scale';
import { line as path } from 'd3-shape';

import type { Curve } from '../../api/schema';
import { number } from '../../model/format';
import { courses, curvesCsv, ends, short } from '../../model/runs-plots';
import { numeric } from '../../model/runs-table';
import { useText } from '../text';
import { Choose, clip, Frame, strokeOf, Ticks } from './frame';

const HEIGHT = 240;
const LEFT = 58;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 24;

interface Drawn {
  x: { at: (step: number) => number; step: (pixel: number) => number; ticks: { at: number; text: string }[] };
  y: { at: (value: number) => number; ticks: { at: number; text: string }[] };
  paths: string[];
  steps: number[];
}

/** Where everything stands. */
function place(curves: readonly Curve[], width: number): Drawn {
  const steps = [...new Set(curves.flatMap(curve => curve.steps))].sort((a, b) => a - b);
  const x = scaleLinear([steps[0] ?? 0, Math.max(steps.at(-1) ?? 1, (steps[0] ?? 0) + 1)], [LEFT, width - RIGHT]);
  const y = scaleLinear(ends(curves.flatMap(curve => curve.values.map(numeric))), [HEIGHT - BOTTOM, TOP]).nice(5);
  const paths = curves.map(curve => path<number>()
    .defined((_, i) => Number.isFinite(numeric(curve.values[i])))
    .x((_, i) => x(curve.steps[i] ?? i))
    .y(value => y(numeric(value)))(curve.values) ?? '');
  return {
    x: { at: step => x(step), step: pixel => x.invert(pixel), ticks: x.ticks(Math.max(2, Math.floor(width / 90))).map(value => ({ at: x(value), text: short(value) })) },
    y: { at: value => y(value), ticks: y.ticks(5).map(value => ({ at: y(value), text: short(value) })) },
    paths,
    steps
  };
}

/** The value of a curve at a step, or the last before it. */
function valueAt(curve: Curve, step: number): number {
  let found = NaN;
  for (let i = 0; i < curve.steps.length && (curve.steps[i] ?? 0) <= step; i += 1) {
    found = numeric(curve.values[i]);
  }
  return found;
}

function nearest(steps: readonly number[], wanted: number): number {
  return steps.reduce((best, step, i) => (Math.abs(step - wanted) < Math.abs((steps[best] ?? 0) - wanted) ? i : best), 0);
}

function Legend({ curves, step }: { curves: readonly Curve[]; step: number | null }): React.JSX.Element {
  return (
    <ul className="jp-mlops-legend">
      {curves.map((curve, i) => (
        <li key={curve.run}>
          <svg width="22" height="8" aria-hidden="true"><line x1="0" x2="22" y1="4" y2="4" style={strokeOf(i)} strokeWidth="2" /></svg>
          <span className="jp-mlops-run-number">{`#${curve.number}`}</span>
          <span className="jp-mlops-legend-title" title={curve.title}>{curve.title}</span>
          <span className="jp-mlops-figure">{number(step === null ? numeric(curve.values.at(-1)) : valueAt(curve, step))}</span>
        </li>
      ))}
    </ul>
  );
}

export function Curves({ curves, width }: { curves: readonly Curve[]; width: number }): React.JSX.Element | null {
  const text = useText();
  const chart = React.useRef<SVGSVGElement>(null);
  const names = courses(curves);
  const [chosen, setChosen] = React.useState('');
  const [at, setAt] = React.useState<number | null>(null);
  const metric = names.includes(chosen) ? chosen : (names[0] ?? '');
  const shown = React.useMemo(() => curves.filter(curve => curve.metric === metric), [curves, metric]);
  const drawn = React.useMemo(() => place(shown, width), [shown, width]);
  if (metric === '') {
    return null;
  }
  const step = at === null ? null : (drawn.steps[at] ?? null);
  const onMove = (event: React.PointerEvent<SVGSVGElement>): void => {
    const { left } = event.currentTarget.getBoundingClientRect();
    setAt(nearest(drawn.steps, drawn.x.step(event.clientX - left)));
  };
  const onKey = (event: React.KeyboardEvent): void => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (way !== undefined) {
      event.preventDefault();
      setAt(Math.min(drawn.steps.length - 1, Math.max(0, (at ?? (way > 0 ? -1 : drawn.steps.length)) + way)));
    }
  };
  const readout = step === null ? '' : text.__('Step %1: %2', step, shown.map(curve => `#${curve.number} ${number(valueAt(curve, step))}`).join(', '));
  const rows = shown.flatMap(curve => curve.values.map((value, i) => [`#${curve.number}`, String(curve.steps[i] ?? i), number(numeric(value))]));
  return (
    <Frame
      name="curves" chart={chart} readout={readout} head={[text.__('run'), text.__('step'), metric]} rows={rows} csv={() => curvesCsv(shown)}
      choices={names.length > 1 && <Choose label={text.__('Metric')} value={`metric:${metric}`} of={names.map(name => ({ kind: 'metric', name }))} onChoose={key => setChosen(key.slice('metric:'.length))} />}
    >
      {/* The arrow keys go along the steps. */}
      <svg ref={chart} className="jp-mlops-plot" width={width} height={HEIGHT} role="img" tabIndex={0} aria-label={text.__('%1 over steps, %2 runs; the arrow keys go along', metric, shown.length)} onPointerMove={onMove} onPointerLeave={() => setAt(null)} onKeyDown={onKey} onBlur={() => setAt(null)}>
        <Ticks ticks={drawn.x.ticks} side="below" at={HEIGHT - BOTTOM} length={HEIGHT - BOTTOM - TOP} />
        <Ticks ticks={drawn.y.ticks} side="left" at={LEFT} length={width - LEFT - RIGHT} />
        {drawn.paths.map((d, i) => <path key={shown[i]?.run ?? i} className="jp-mlops-plot-line" d={d} style={strokeOf(i)} />)}
        <text className="jp-mlops-plot-name" x={LEFT} y={TOP - 1}>{clip(metric, 40)}</text>
        {step !== null && <line data-only-here="true" className="jp-mlops-plot-rule" x1={drawn.x.at(step)} x2={drawn.x.at(step)} y1={TOP} y2={HEIGHT - BOTTOM} />}
      </svg>
      <Legend curves={shown} step={step} />
    </Frame>
  );
}
