/** Runs as points: a param or a metric against a metric. */

import * as React from 'react';

import type { RunLine } from '../../api/schema';
import { axisOf, dimensionKey, runsCsv, wordOf, type Axis, type Dimension } from '../../model/runs-plots';
import { useActions } from '../parts';
import { useText } from '../text';
import { Choose, clip, Frame, Ticks } from './frame';
import { nameOf } from './words';

const HEIGHT = 260;
const LEFT = 58;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 38;
const NEAR = 24;

interface Point {
  readonly line: RunLine;
  readonly x: number;
  readonly y: number;
}

/** The points from left to right. */
function pointsOf(lines: readonly RunLine[], x: Axis, y: Axis): Point[] {
  const points = lines.flatMap(line => {
    const [left, top] = [x.at(line), y.at(line)];
    return left === null || top === null ? [] : [{ line, x: left, y: top }];
  });
  return points.sort((a, b) => a.x - b.x || a.y - b.y);
}

/** The place in `points` of the one that is nearest; null if none is near. */
function nearest(points: readonly Point[], x: number, y: number): number | null {
  let [best, least] = [-1, NEAR * NEAR];
  points.forEach((point, i) => {
    const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
    if (distance < least) {
      [best, least] = [i, distance];
    }
  });
  return best < 0 ? null : best;
}

const Dots = React.memo(function Dots({ points }: { points: readonly Point[] }): React.JSX.Element {
  return <g className="jp-mlops-dots">{points.map(point => <circle key={point.line.id} cx={point.x} cy={point.y} r={points.length > 300 ? 2.5 : 4} data-starred={point.line.starred === true} />)}</g>;
});

interface ScatterProps {
  lines: readonly RunLine[];
  metrics: readonly Dimension[];
  params: readonly Dimension[];
  width: number;
}

/** What can be chosen, by its key; else the first that there is. */
function chosenOf(key: string, of: readonly Dimension[], fallback: number): Dimension | undefined {
  return of.find(one => dimensionKey(one) === key) ?? of[fallback] ?? of[0];
}

export function Scatter({ lines, metrics, params, width }: ScatterProps): React.JSX.Element | null {
  const text = useText();
  const actions = useActions();
  const chart = React.useRef<SVGSVGElement>(null);
  const [keys, setKeys] = React.useState({ x: '', y: '' });
  const [at, setAt] = React.useState<number | null>(null);
  const along = React.useMemo(() => [...params, ...metrics], [params, metrics]);
  const across = chosenOf(keys.x, along, params.length > 0 ? 0 : 1);
  const up = chosenOf(keys.y, metrics, 0);
  const drawn = React.useMemo(() => {
    if (!across || !up) {
      return null;
    }
    const x = axisOf(lines, across, LEFT, width - RIGHT, Math.max(2, Math.floor(width / 90)));
    const y = axisOf(lines, up, HEIGHT - BOTTOM, TOP);
    return { x, y, points: pointsOf(lines, x, y) };
  }, [lines, across, up, width]);
  if (!drawn || !across || !up) {
    return null;
  }
  const { x, y, points } = drawn;
  const here = at === null ? undefined : points[at];
  const onMove = (event: React.PointerEvent<SVGSVGElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    setAt(nearest(points, event.clientX - box.left, event.clientY - box.top));
  };
  const onKey = (event: React.KeyboardEvent): void => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (way !== undefined) {
      event.preventDefault();
      setAt(Math.min(points.length - 1, Math.max(0, (at ?? (way > 0 ? -1 : points.length)) + way)));
    } else if (event.key === 'Enter' && here) {
      actions.show('run', here.line.id);
    }
  };
  const several = new Set(lines.map(line => line.experiment_id)).size > 1;
  const said = (line: RunLine): string => `${several ? `${line.experiment} ` : ''}${nameOf(line)}: ${across.name} ${wordOf(line, across)}, ${up.name} ${wordOf(line, up)}`;
  return (
    <Frame
      name="scatter" chart={chart} readout={here ? said(here.line) : ''} csv={() => runsCsv(lines, [across, up])}
      head={[text.__('run'), across.name, up.name]} rows={points.map(({ line }) => [nameOf(line), wordOf(line, across), wordOf(line, up)])}
      choices={<>
        <Choose label={text.__('Across')} value={dimensionKey(across)} of={along} onChoose={key => setKeys({ ...keys, x: key })} />
        <Choose label={text.__('Up')} value={dimensionKey(up)} of={metrics} onChoose={key => setKeys({ ...keys, y: key })} />
      </>}
    >
      {/* The arrow keys go from point to point, Enter opens its run. */}
      <svg ref={chart} className="jp-mlops-plot" width={width} height={HEIGHT} role="img" tabIndex={0} aria-label={text.__('%1 against %2, %3 runs; the arrow keys go from run to run, Enter opens one', up.name, across.name, points.length)} onPointerMove={onMove} onPointerLeave={() => setAt(null)} onKeyDown={onKey} onBlur={() => setAt(null)} onClick={() => here && actions.show('run', here.line.id)}>
        <Ticks ticks={x.ticks} side="below" at={HEIGHT - BOTTOM} length={HEIGHT - BOTTOM - TOP} />
        <Ticks ticks={y.ticks} side="left" at={LEFT} length={width - LEFT - RIGHT} />
        <Dots points={points} />
        <text className="jp-mlops-plot-name" x={LEFT} y={TOP - 4}>{clip(up.name, 40)}</text>
        <text className="jp-mlops-plot-name" x={width - RIGHT} y={HEIGHT - 4} textAnchor="end">{clip(across.name, 40)}</text>
        {here && <circle data-only-here="true" className="jp-mlops-dot-here" cx={here.x} cy={here.y} r={7} />}
      </svg>
    </Frame>
  );
}
