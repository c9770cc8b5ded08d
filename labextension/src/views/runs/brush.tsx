/** An axis of parallel coordinates, with two ends that can be moved: drag, or the arrow keys on an end; Escape lets go. */

import * as React from 'react';

import type { Axis, Brush } from '../../model/runs-plots';
import { useText } from '../text';
import { clip } from './frame';

export const TOP_OF = 34;
export const BOTTOM_OF = (height: number): number => height - 14;
const STEP = 0.04;
const LEAST = 3;
const HALF = 9;

interface BrushAxisProps {
  axis: Axis;
  x: number;
  height: number;
  /** On which side of the axis its name goes on. */
  end: 'start' | 'middle' | 'end';
  /** How many letters of its name have room. */
  letters: number;
  brush: Brush | null;
  onBrush: (brush: Brush | null) => void;
}

function limit(value: number, height: number): number {
  return Math.min(BOTTOM_OF(height), Math.max(TOP_OF, value));
}

/** Dragging along the axis brushes the part between where it began and where it is. */
function useDrag(height: number, onBrush: (brush: Brush | null) => void): Pick<React.SVGProps<SVGRectElement>, 'onPointerDown' | 'onPointerMove' | 'onPointerUp'> {
  const began = React.useRef<number | null>(null);
  const place = (event: React.PointerEvent<SVGRectElement>): number => {
    const top = event.currentTarget.ownerSVGElement?.getBoundingClientRect().top ?? 0;
    return limit(event.clientY - top, height);
  };
  return {
    onPointerDown: event => {
      event.currentTarget.setPointerCapture(event.pointerId);
      began.current = place(event);
    },
    onPointerMove: event => {
      if (began.current !== null) {
        const now = place(event);
        onBrush(Math.abs(now - began.current) < LEAST ? null : [Math.min(now, began.current), Math.max(now, began.current)]);
      }
    },
    onPointerUp: () => {
      began.current = null;
    }
  };
}

interface EndProps extends Omit<BrushAxisProps, 'end'> {
  which: 'low' | 'high';
}

/** One end of the brushed part. Pixels go down, values go up: the low end is the lower one. */
function End({ axis, height, brush, onBrush, which }: EndProps): React.JSX.Element {
  const text = useText();
  const [high, low] = brush ?? [TOP_OF, BOTTOM_OF(height)];
  const at = which === 'low' ? low : high;
  const span = BOTTOM_OF(height) - TOP_OF;
  const move = (to: number): void => {
    const held = limit(to, height);
    const next: Brush = which === 'low' ? [high, Math.max(held, high)] : [Math.min(held, low), low];
    onBrush(next[0] <= TOP_OF && next[1] >= BOTTOM_OF(height) ? null : next);
  };
  const onKey = (event: React.KeyboardEvent): void => {
    const ways: Partial<Record<string, number>> = {
      ArrowUp: at - STEP * span, ArrowRight: at - STEP * span, ArrowDown: at + STEP * span, ArrowLeft: at + STEP * span, Home: BOTTOM_OF(height), End: TOP_OF
    };
    const to = ways[event.key];
    if (to !== undefined || event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      if (to === undefined) {
        onBrush(null);
      } else {
        move(to);
      }
    }
  };
  const value = Math.round(((BOTTOM_OF(height) - at) / span) * 100);
  const label = which === 'low' ? text.__('%1 from', axis.dimension.name) : text.__('%1 to', axis.dimension.name);
  return (
    <g
      role="slider" tabIndex={0} className="jp-mlops-brush-end" data-only-here="true" data-which={which}
      aria-label={label} aria-orientation="vertical" aria-valuemin={0} aria-valuemax={100} aria-valuenow={value} aria-valuetext={axis.words(at)}
      transform={`translate(0,${at})`} onKeyDown={onKey}
    >
      <path d={which === 'low' ? 'M-6 0h12l-6 7z' : 'M-6 0h12l-6 -7z'} />
    </g>
  );
}

export function BrushAxis(props: BrushAxisProps): React.JSX.Element {
  const { axis, x, height, end, letters, brush, onBrush } = props;
  const drag = useDrag(height, onBrush);
  const anchor = end === 'start' ? { x: -24, textAnchor: 'start' as const } : end === 'end' ? { x: 24, textAnchor: 'end' as const } : { x: 0, textAnchor: 'middle' as const };
  return (
    <g className="jp-mlops-axis" transform={`translate(${x},0)`}>
      <text className="jp-mlops-plot-name" y={12} {...anchor}><title>{axis.dimension.name}</title>{clip(axis.dimension.name, letters)}</text>
      <line y1={TOP_OF} y2={BOTTOM_OF(height)} />
      {axis.ticks.map(tick => (
        <text key={tick.text} className="jp-mlops-axis-tick" x={end === 'end' ? -6 : 6} y={tick.at} dy="0.32em" textAnchor={end === 'end' ? 'end' : 'start'}>{clip(tick.text, 10)}</text>
      ))}
      {brush && <rect className="jp-mlops-brush" x={-HALF} width={2 * HALF} y={brush[0]} height={Math.max(1, brush[1] - brush[0])} />}
      <rect className="jp-mlops-brush-ground" data-only-here="true" x={-HALF} width={2 * HALF} y={TOP_OF} height={BOTTOM_OF(height) - TOP_OF} {...drag} />
      <End {...props} which="high" />
      <End {...props} which="low" />
    </g>
  );
}
