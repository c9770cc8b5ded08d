/** The graph: nodes as buttons, edges behind them. The arrow keys go along edges, plus and minus zoom, F looks at what a node needs. */

import * as React from 'react';

import { isDrawn, linksOf, type Graph, type Links } from '../../model/graph';
import type { Layout } from '../../model/layout';
import { useText } from '../text';
import { Node } from './node';
import { Zoom } from './zoom';

const STEP = 60;

interface CanvasProps {
  graph: Graph;
  layout: Layout;
  selected: string;
  /** Place of the node that a search has come to; -1: none. */
  found: number;
  onSelect: (id: string) => void;
  onFocus: (id: string) => void;
  onFold: (id: string) => void;
  onLeave: () => void;
}

/** The place to go to by an arrow key: along an edge, or to what stands beside. */
function next(key: string, here: number, links: Links, layout: Layout): number | undefined {
  const x = (place: number): number => (layout.boxes[place]?.x ?? 0) + (layout.boxes[place]?.width ?? 0) / 2;
  const nearest = (places: readonly number[]): number | undefined => [...places].sort((a, b) => Math.abs(x(a) - x(here)) - Math.abs(x(b) - x(here)))[0];
  const beside = (sign: number): number | undefined =>
    nearest(layout.layers.flatMap((layer, i) => (layer === layout.layers[here] && (x(i) - x(here)) * sign > 0 ? [i] : [])));
  switch (key) {
    case 'ArrowUp':
      return nearest(links.before[here] ?? []);
    case 'ArrowDown':
      return nearest(links.after[here] ?? []);
    case 'ArrowLeft':
      return beside(-1);
    case 'ArrowRight':
      return beside(1);
    case 'Home':
      return 0;
    case 'End':
      return layout.boxes.length - 1;
    default:
      return undefined;
  }
}

const PANS: Partial<Record<string, readonly [number, number]>> = {
  ArrowUp: [0, -STEP], ArrowDown: [0, STEP], ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0]
};
const ZOOMS: Partial<Record<string, number>> = { '+': 1.25, '=': 1.25, '-': 0.8 };

/** The last result: where one looks first. */
function anchorOf(graph: Graph): number {
  return Math.max(-1, ...graph.nodes.flatMap((node, i) => (node.kind === 'metric' || node.kind === 'model' ? [i] : [])));
}

interface Frame {
  view: React.RefObject<HTMLDivElement>;
  sizer: React.RefObject<HTMLDivElement>;
  layer: React.RefObject<HTMLDivElement>;
  zoom: React.RefObject<Zoom | null>;
}

/** The three elements of the view and what moves them. A graph of other cells begins anew; one that grew keeps its scale. */
function useZoom(graph: Graph, layout: Layout): Frame {
  const view = React.useRef<HTMLDivElement>(null);
  const sizer = React.useRef<HTMLDivElement>(null);
  const layer = React.useRef<HTMLDivElement>(null);
  const zoom = React.useRef<Zoom | null>(null);
  React.useLayoutEffect(() => {
    const edges = layer.current?.querySelector('svg');
    if (!view.current || !sizer.current || !layer.current || !edges) {
      return undefined;
    }
    zoom.current = new Zoom(view.current, sizer.current, layer.current, edges);
    return zoom.current.listen();
  }, []);
  const shown = React.useRef<readonly string[]>([]);
  React.useLayoutEffect(() => {
    const ids = graph.nodes.map(node => node.id);
    const known = new Set(shown.current);
    const grown = known.size > 0 && ids.length >= known.size && shown.current.every(id => ids.includes(id));
    shown.current = ids;
    if (grown) {
      zoom.current?.resize(layout.width, layout.height);
    } else {
      zoom.current?.start(layout.width, layout.height, layout.boxes[anchorOf(graph)]);
    }
  }, [graph, layout]);
  return { view, sizer, layer, zoom };
}

interface Roving {
  place(): number;
  move(place: number): void;
}

/** One node at a time is in the order of the Tab key: the last that had the focus, else the last result. Written to the elements,
 *  so that going along edges draws nothing again. */
function useRoving(layer: React.RefObject<HTMLDivElement>, graph: Graph): Roving {
  const id = React.useRef('');
  const place = (): number => {
    const known = graph.nodes.findIndex(node => node.id === id.current);
    return known >= 0 ? known : Math.max(0, anchorOf(graph));
  };
  const reach = (at: number): void => {
    layer.current?.querySelectorAll<HTMLElement>('[tabindex="0"]').forEach(one => (one.tabIndex = -1));
    layer.current?.querySelector<HTMLElement>(`[data-place="${at}"]`)?.setAttribute('tabindex', '0');
  };
  React.useLayoutEffect(() => reach(place()));
  return {
    place,
    move: at => {
      id.current = graph.nodes[at]?.id ?? '';
      reach(at);
    }
  };
}

function Edges({ graph, layout, selected }: { graph: Graph; layout: Layout; selected: number }): React.JSX.Element {
  const drawn = React.useMemo(() => graph.edges.filter(isDrawn), [graph]);
  const all = React.useMemo(() => layout.paths.join(''), [layout]);
  const bright = drawn.map((edge, i) => (edge.a === selected || edge.b === selected ? (layout.paths[i] ?? '') : '')).join('');
  const faint = graph.edges.filter(edge => !isDrawn(edge) && (edge.a === selected || edge.b === selected)).map(edge => {
    const [a, b] = [layout.boxes[edge.a], layout.boxes[edge.b]];
    return a && b ? `M${a.x + a.width / 2} ${a.y + a.height}L${b.x + b.width / 2} ${b.y}` : '';
  });
  return (
    <svg className="jp-mlops-edges" width={layout.width} height={layout.height} aria-hidden="true" focusable="false">
      <g>
        <path d={all} />
        {faint.length > 0 && <path className="jp-mlops-mod-faint" d={faint.join('')} />}
        {bright !== '' && <path className="jp-mlops-mod-bright" d={bright} />}
      </g>
    </svg>
  );
}

/** A command of the graph that buttons outside give. */
export interface CanvasCommands {
  zoom(factor: number): void;
  fit(): void;
  /** Put the focus on a node. */
  go(place: number): void;
}

export const Canvas = React.forwardRef<CanvasCommands, CanvasProps>(function Canvas(props, ref) {
  const { graph, layout } = props;
  const text = useText();
  const { view, sizer, layer, zoom } = useZoom(graph, layout);
  const links = React.useMemo(() => linksOf(graph, isDrawn), [graph]);
  const reached = useRoving(layer, graph);
  const selected = graph.nodes.findIndex(node => node.id === props.selected);
  const go = (place: number): void => {
    const box = layout.boxes[place];
    layer.current?.querySelector<HTMLElement>(`[data-place="${place}"]`)?.focus({ preventScroll: true });
    if (box) {
      zoom.current?.show(box);
    }
  };
  const box = layout.boxes[selected];
  React.useEffect(() => {
    if (box) {
      zoom.current?.show(box); // its card may have taken the place where it stood
    }
  }, [box, zoom]);
  React.useImperativeHandle(ref, () => ({ zoom: factor => zoom.current?.by(factor), fit: () => zoom.current?.fit(), go }));
  const nodes = React.useMemo(() => graph.nodes.map((node, i) => {
    const box = layout.boxes[i];
    return box && <Node key={node.id} node={node} box={box} place={i} selected={i === selected} found={i === props.found} />;
  }), [graph, layout, selected, props.found]);
  const marked = React.useMemo(() => graph.nodes.some(node => node.needed === true), [graph]);
  const placeAt = (event: React.SyntheticEvent): number => {
    const place = (event.target as HTMLElement).closest<HTMLElement>('[data-place]')?.dataset.place;
    return place === undefined ? -1 : Number(place);
  };
  const idAt = (event: React.SyntheticEvent): string => graph.nodes[placeAt(event)]?.id ?? '';
  const onKey = (event: React.KeyboardEvent): void => {
    const here = placeAt(event) >= 0 ? placeAt(event) : reached.place();
    if (act(event, { ...props, here, links, go, zoom: zoom.current })) {
      event.preventDefault();
      event.stopPropagation();
    }
  };
  return (
    // The buttons inside take keys and clicks; this element only hears of them.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      className="jp-mlops-graph"
      role="group"
      aria-label={text.__('Graph. Arrow keys go along its edges, Enter opens, F shows what a node needs, C folds the variables of a cell, plus and minus zoom.')}
      data-testid="mlops-graph"
      data-marked={marked}
      ref={view}
      onKeyDown={onKey}
      onClick={event => idAt(event) !== '' && props.onSelect(idAt(event))}
      onDoubleClick={event => idAt(event) !== '' && props.onFocus(idAt(event))}
      onFocus={event => placeAt(event) >= 0 && reached.move(placeAt(event))}
    >
      <div className="jp-mlops-sizer" ref={sizer}>
        <div className="jp-mlops-layer" style={{ width: layout.width, height: layout.height }} ref={layer}>
          <Edges graph={graph} layout={layout} selected={selected >= 0 ? selected : -1} />
          {nodes}
        </div>
      </div>
    </div>
  );
});

interface Acting extends CanvasProps {
  /** The node that has the focus. */
  here: number;
  links: Links;
  go: (place: number) => void;
  zoom: Zoom | null;
}

/** Do what a key says; true if it says something. */
function act(event: React.KeyboardEvent, on: Acting): boolean {
  const { key } = event;
  const id = on.graph.nodes[on.here]?.id ?? '';
  const pan = PANS[key];
  const factor = ZOOMS[key];
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return false;
  }
  if (event.shiftKey && pan) {
    on.zoom?.pan(...pan);
  } else if (factor !== undefined) {
    on.zoom?.by(factor);
  } else if (key === '0') {
    on.zoom?.fit();
  } else if (key === 'f' || key === 'F') {
    on.onFocus(id);
  } else if (key === 'c' || key === 'C') {
    on.onFold(on.graph.nodes[on.here]?.kind === 'cell' ? id : '');
  } else if (key === 'Escape') {
    on.onLeave();
  } else {
    const place = next(key, on.here, on.links, on.layout);
    if (place === undefined) {
      return pan !== undefined;
    }
    on.go(place);
  }
  return true;
}
