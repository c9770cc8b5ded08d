/** Parallel coordinates: each run is a line through its params to a metric. Parts of axes can be brushed, by pointer and keyboard. */

import * as React from 'react';

import { line as path } from 'd3-shape';

import type { RunLine } from '../../api/schema';
import { axisOf, dimensionKey, runsCsv, within, wordOf, type Axis, type Brush, type Dimension } from '../../model/runs-plots';
import { Button } from '../parts';
import { useText } from '../text';
import { BrushAxis, BOTTOM_OF, TOP_OF } from './brush';
import { Choose, Frame } from './frame';
import { nameOf } from './words';

const HEIGHT = 300;
const SIDE = 44;
const GAP = 84;
const AXES = 8;
const MOST_LETTERS = 20;
/** Pixels of a letter of an axis' name. */
const LETTER = 8;

interface ParallelProps {
  lines: readonly RunLine[];
  metrics: readonly Dimension[];
  params: readonly Dimension[];
  width: number;
}

/** How many letters of a name have room between two axes: the first stands from its axis on, the next about its own. */
function lettersOf(xs: readonly number[]): number {
  const apart = (xs[1] ?? 0) - (xs[0] ?? 0);
  return Math.max(4, Math.min(MOST_LETTERS, Math.floor((apart + SIDE / 2) / 1.5 / LETTER)));
}

interface Wire {
  readonly line: RunLine;
  readonly d: string;
  /** 0 to 1: where it ends on the last axis, from its low end. */
  readonly shade: number;
}

/** A path for each run, interrupted where it has no value. */
function wires(lines: readonly RunLine[], axes: readonly Axis[], xs: readonly number[]): Wire[] {
  const draw = path<number | null>().defined(value => value !== null).x((_, i) => xs[i] ?? 0).y(value => value ?? 0);
  return lines.map(line => {
    const places = axes.map(axis => axis.at(line));
    const end = places.at(-1) ?? null;
    return { line, d: draw(places) ?? '', shade: end === null ? 0 : (BOTTOM_OF(HEIGHT) - end) / (BOTTOM_OF(HEIGHT) - TOP_OF) };
  });
}

const Wires = React.memo(function Wires({ all, held }: { all: readonly Wire[]; held: ReadonlySet<string> | null }): React.JSX.Element {
  const away = Math.min(0.08, 8 / Math.max(1, all.length - (held?.size ?? 0)));
  const faint = Math.max(0.15, Math.min(0.8, 40 / Math.max(1, held?.size ?? all.length)));
  return (
    <g className="jp-mlops-wires">
      {all.map(({ line, d, shade }) => {
        const out = held !== null && !held.has(line.id);
        return <path key={line.id} d={d} data-out={out} style={{ strokeOpacity: out ? away : faint * (0.35 + 0.65 * shade) }} />;
      })}
    </g>
  );
});

export function Parallel({ lines, metrics, params, width }: ParallelProps): React.JSX.Element | null {
  const text = useText();
  const chart = React.useRef<SVGSVGElement>(null);
  const [key, setKey] = React.useState('');
  const [brushes, setBrushes] = React.useState<Readonly<Record<string, Brush>>>({});
  const metric = metrics.find(one => dimensionKey(one) === key) ?? metrics[0];
  const room = Math.max(2, Math.min(AXES, Math.floor((width - 2 * SIDE) / GAP) + 1));
  const drawn = React.useMemo(() => {
    if (!metric) {
      return null;
    }
    const shown = [...params.slice(0, room - 1), metric];
    const axes = shown.map(one => axisOf(lines, one, BOTTOM_OF(HEIGHT), TOP_OF));
    const xs = shown.map((_, i) => SIDE + (shown.length < 2 ? 0 : (i * (width - 2 * SIDE)) / (shown.length - 1)));
    return { axes, xs, all: wires(lines, axes, xs) };
  }, [lines, metric, params, room, width]);
  const held = React.useMemo(() => {
    const live = drawn?.axes.some(axis => brushes[dimensionKey(axis.dimension)] !== undefined) === true;
    return drawn && live ? new Set(lines.filter(line => within(line, drawn.axes, brushes)).map(line => line.id)) : null;
  }, [drawn, brushes, lines]);
  if (!drawn || !metric || params.length === 0) {
    return null;
  }
  const chosen = held === null ? lines : lines.filter(line => held.has(line.id));
  const shown = drawn.axes.map(axis => axis.dimension);
  const brush = (name: string, value: Brush | null): void => {
    const others = Object.fromEntries(Object.entries(brushes).filter(([other]) => other !== name));
    setBrushes(value === null ? others : { ...others, [name]: value });
  };
  return (
    <Frame
      name="parallel" chart={chart} csv={() => runsCsv(chosen, shown)} head={[text.__('run'), ...shown.map(one => one.name)]}
      rows={chosen.map(line => [nameOf(line), ...shown.map(one => wordOf(line, one))])}
      readout={held === null ? '' : text.__('%1 of %2 runs within', held.size, lines.length)}
      choices={<>
        <Choose label={text.__('Metric')} value={dimensionKey(metric)} of={metrics} onChoose={setKey} />
        {held !== null && <Button kind="quiet" onClick={() => setBrushes({})}>{text.__('All runs')}</Button>}
        {params.length > room - 1 && <span className="jp-mlops-muted jp-mlops-small">{text.__('%1 of %2 params: widen the panel for more', room - 1, params.length)}</span>}
      </>}
    >
      <svg ref={chart} className="jp-mlops-plot" width={width} height={HEIGHT} role="group" aria-label={text.__('Runs through params to %1; each axis has two ends to move', metric.name)}>
        <Wires all={drawn.all} held={held} />
        {drawn.axes.map((axis, i) => (
          <BrushAxis key={dimensionKey(axis.dimension)} letters={lettersOf(drawn.xs)} axis={axis} x={drawn.xs[i] ?? 0} height={HEIGHT} end={i === 0 ? 'start' : i === drawn.axes.length - 1 ? 'end' : 'middle'} brush={brushes[dimensionKey(axis.dimension)] ?? null} onBrush={value => brush(dimensionKey(axis.dimension), value)} />
        ))}
      </svg>
    </Frame>
  );
}
