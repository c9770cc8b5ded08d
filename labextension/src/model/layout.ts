/**
 * Where the nodes of a graph stand: in layers from top to bottom, few crossings, edges around nodes. Pure, and quick enough for the
 * thread that draws: half a thousand nodes take some ten milliseconds (dagre takes seconds, see docs/decisions).
 *
 * Layers by the longest way (Sugiyama's scheme); within a layer by the mean place of the neighbours, in sweeps down and up; then each
 * layer as near to its neighbours as the widths allow, which is an isotonic regression. Edges over several layers share one chain of
 * bends per source; those over very many go straight, behind the nodes.
 */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly boxes: readonly Box[];
  /** The layer of each node, from 0 at the top. */
  readonly layers: readonly number[];
  /** The course of each edge, as of an SVG path. */
  readonly paths: readonly string[];
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export type Pair = readonly [number, number];

const GAP_X = 14;
const GAP_Y = 30;
const MARGIN = 16;
const BEND = 6;
const LONGEST = 12;
const SWEEPS = 8;
const PASSES = 14;
/** In these passes neighbours above and below count alike; in the last one again only those below, so that chains are straight. */
const isBalanced = (pass: number): boolean => pass >= 6 && pass < PASSES - 1;

/** A node or a bend while the layout is made. */
interface Item {
  readonly width: number;
  readonly layer: number;
  readonly before: number[];
  readonly after: number[];
  x: number;
}

export function layout(sizes: readonly Size[], edges: readonly Pair[]): Layout {
  if (sizes.length === 0) {
    return { boxes: [], layers: [], paths: [], width: 0, height: 0 };
  }
  const layers = layersOf(sizes.length, edges);
  const { items, ways } = withBends(sizes, edges, layers);
  const rows = ordered(items);
  place(items, rows);
  const heights = rows.map(row => Math.max(0, ...row.map(i => sizes[i]?.height ?? 0)));
  const tops: number[] = [];
  heights.reduce((top, height, i) => ((tops[i] = top), top + height + GAP_Y), MARGIN);
  const left = Math.min(...items.map(item => item.x - item.width / 2)) - MARGIN;
  const middle = (layer: number): number => (tops[layer] ?? 0) + (heights[layer] ?? 0) / 2;
  const boxes = sizes.map((size, i): Box => ({
    x: (items[i]?.x ?? 0) - size.width / 2 - left, y: middle(layers[i] ?? 0) - size.height / 2, width: size.width, height: size.height
  }));
  const paths = edges.map(([a, b], i) => course(boxes[a], boxes[b], (ways[i] ?? []).map(bend => [
    (items[bend]?.x ?? 0) - left, middle(items[bend]?.layer ?? 0)
  ])));
  return {
    boxes, layers, paths,
    width: Math.max(...items.map(item => item.x + item.width / 2)) - left + MARGIN,
    height: Math.max(...boxes.map(box => box.y + box.height)) + MARGIN
  };
}

/** The longest way to each node; what nothing leads to stands right above what it leads to. */
export function layersOf(count: number, edges: readonly Pair[]): number[] {
  const after: number[][] = Array.from({ length: count }, () => []);
  const waits = new Array<number>(count).fill(0);
  for (const [a, b] of edges) {
    after[a]?.push(b);
    waits[b] = (waits[b] ?? 0) + 1;
  }
  const sources = waits.flatMap((n, i) => (n === 0 ? [i] : []));
  const layers = new Array<number>(count).fill(0);
  const queue = [...sources];
  for (const here of queue) {
    for (const next of after[here] ?? []) {
      layers[next] = Math.max(layers[next] ?? 0, (layers[here] ?? 0) + 1);
      waits[next] = (waits[next] ?? 0) - 1;
      if (waits[next] === 0) {
        queue.push(next);
      }
    }
  }
  for (const source of sources) {
    const below = (after[source] ?? []).map(next => layers[next] ?? 0);
    layers[source] = below.length === 0 ? 0 : Math.max(0, Math.min(...below) - 1);
  }
  return layers;
}

/** The nodes, then the bends; for each edge the bends on its way. */
function withBends(sizes: readonly Size[], edges: readonly Pair[], layers: readonly number[]): { items: Item[]; ways: number[][] } {
  const items: Item[] = sizes.map((size, i) => ({ width: size.width, layer: layers[i] ?? 0, before: [], after: [], x: 0 }));
  const chains = new Map<number, number[]>();
  const join = (a: number, b: number): void => {
    items[a]?.after.push(b);
    items[b]?.before.push(a);
  };
  const ways = edges.map(([a, b]) => {
    const from = layers[a] ?? 0;
    const span = (layers[b] ?? 0) - from;
    if (span < 1 || span > LONGEST) {
      return [];
    }
    const chain = chains.get(a) ?? [];
    chains.set(a, chain);
    while (chain.length < span - 1) {
      items.push({ width: BEND, layer: from + chain.length + 1, before: [], after: [], x: 0 });
      join(chain.at(-1) ?? a, items.length - 1);
      chain.push(items.length - 1);
    }
    const way = chain.slice(0, span - 1);
    join(way.at(-1) ?? a, b);
    return way;
  });
  return { items, ways };
}

/** The items of each layer from left to right. */
function ordered(items: readonly Item[]): number[][] {
  const rows: number[][] = [];
  items.forEach((item, i) => (rows[item.layer] ??= []).push(i));
  for (let layer = 0; layer < rows.length; layer += 1) {
    rows[layer] ??= [];
  }
  const places = new Array<number>(items.length).fill(0);
  const number = (row: readonly number[]): void => row.forEach((item, i) => (places[item] = i));
  rows.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      const wanted = new Map(row.map(i => {
        const near = (down ? items[i]?.before : items[i]?.after) ?? [];
        return [i, near.length === 0 ? (places[i] ?? 0) : mean(near.map(one => places[one] ?? 0))];
      }));
      row.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) || (places[a] ?? 0) - (places[b] ?? 0));
      number(row);
    }
  }
  return rows;
}

/** Gives each item its x, in several passes: as near to its neighbours above, then below, as the widths beside it allow. */
function place(items: Item[], rows: readonly (readonly number[])[]): void {
  for (const row of rows) {
    settle(items, row, row.map(() => 0));
  }
  for (let pass = 0; pass < PASSES; pass += 1) {
    const down = pass % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      settle(items, row, row.map(i => {
        const item = items[i];
        const above = isBalanced(pass) || down ? (item?.before ?? []) : [];
        const below = isBalanced(pass) || !down ? (item?.after ?? []) : [];
        const near = [...above, ...below];
        return near.length === 0 ? (item?.x ?? 0) : mean(near.map(one => items[one]?.x ?? 0));
      }));
    }
  }
}

/** The row at the wished places, moved as little as it takes that none overlap: blocks that meet go to their mean. */
function settle(items: Item[], row: readonly number[], wished: readonly number[]): void {
  const blocks: { sum: number; count: number }[] = [];
  const offsets: number[] = [];
  row.forEach((i, at) => {
    const width = items[i]?.width ?? 0;
    const before = items[row[at - 1] ?? -1]?.width ?? 0;
    offsets[at] = at === 0 ? 0 : (offsets[at - 1] ?? 0) + (before + width) / 2 + GAP_X;
    let block = { sum: (wished[at] ?? 0) - (offsets[at] ?? 0), count: 1 };
    for (let last = blocks.at(-1); last && last.sum / last.count > block.sum / block.count; last = blocks.at(-1)) {
      block = { sum: last.sum + block.sum, count: last.count + block.count };
      blocks.pop();
    }
    blocks.push(block);
  });
  let at = 0;
  for (const { sum, count } of blocks) {
    for (let k = 0; k < count; k += 1, at += 1) {
      const item = items[row[at] ?? -1];
      if (item) {
        item.x = sum / count + (offsets[at] ?? 0);
      }
    }
  }
}

/** From the lower edge of one box to the upper edge of another, through the bends. */
function course(from: Box | undefined, to: Box | undefined, bends: readonly (readonly [number, number])[]): string {
  if (!from || !to) {
    return '';
  }
  const points: (readonly [number, number])[] = [
    [from.x + from.width / 2, from.y + from.height], ...bends, [to.x + to.width / 2, to.y]
  ];
  return points.reduce((path, [x, y], i) => {
    const [x0, y0] = points[i - 1] ?? [x, y];
    const half = (y0 + y) / 2;
    return i === 0 ? `M${round(x)} ${round(y)}` : `${path}C${round(x0)} ${round(half)} ${round(x)} ${round(half)} ${round(x)} ${round(y)}`;
  }, '');
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const round = (value: number): number => Math.round(value * 10) / 10;
