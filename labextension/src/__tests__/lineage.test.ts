import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { CellAsRun, LineageEdge, LineageGraph, LineageNode } from '../api/schema';
import { folded, linksOf, matches, neededFor, onlyThese, type Graph } from '../model/graph';
import { layersOf, layout, type Pair } from '../model/layout';
import { LineageModel, sizeOf } from '../model/lineage';
import { EMPTY } from '../model/state';
import { fakeSurroundings, liveOf } from './fakes';

const cell = (n: number, part: Partial<LineageNode> = {}): LineageNode => ({ id: `cell ${n}`, kind: 'cell', label: `line ${n}`, n, cell: `c${n}`, ...part });
const variable = (name: string, n: number): LineageNode => ({ id: `${name}@${n}`, kind: 'variable', label: name, n });

/** 1 makes df, 2 makes x of it, 3 a score of x; 4 reads df for nothing. */
const GRAPH: Graph = {
  nodes: [cell(1), variable('df', 1), cell(2), variable('x', 2), cell(3), { id: 'auc@3', kind: 'metric', label: 'auc', n: 3, detail: '0.91' }, cell(4)],
  edges: [{ a: 0, b: 1 }, { a: 1, b: 2 }, { a: 2, b: 3 }, { a: 3, b: 4 }, { a: 4, b: 5 }, { a: 1, b: 6 }, { a: 0, b: 4, faint: 'pd' }]
};
const ids = (graph: Graph): string[] => graph.nodes.map(node => node.id);

/** A session of so many cells that hand on variables, as the server draws it. */
export function big(cells: number): Graph {
  let seed = 7;
  const draw = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const nodes: LineageNode[] = [];
  const edges: LineageEdge[] = [];
  const variables: number[] = [];
  for (let n = 1; n <= cells; n += 1) {
    nodes.push(cell(n));
    const here = nodes.length - 1;
    for (let k = 0; k < 1 + Math.floor(draw() * 2) && variables.length > 0; k += 1) {
      const a = variables[Math.max(0, variables.length - 1 - Math.floor(draw() * draw() * 30))];
      if (a !== undefined) {
        edges.push({ a, b: here });
      }
    }
    nodes.push(variable(`v${n}`, n));
    variables.push(nodes.length - 1);
    edges.push({ a: here, b: nodes.length - 1 });
  }
  return { nodes, edges };
}

describe('a graph', () => {
  it('tells what a node needs, through what has no node of its own too', () => {
    expect([...neededFor(GRAPH, 'x@2')].sort()).toEqual([0, 1, 2, 3]);
    expect(ids(onlyThese(GRAPH, neededFor(GRAPH, 'auc@3')))).not.toContain('cell 4');
    expect(neededFor(GRAPH, 'nothing').size).toBe(0);
  });

  it('holds every cell before one that may have used anything', () => {
    const opaque = { ...GRAPH, nodes: [...GRAPH.nodes, cell(5, { opaque: true })] };
    expect(ids(onlyThese(opaque, neededFor(opaque, 'cell 5'))).filter(id => id.startsWith('cell'))).toHaveLength(5);
  });

  it('links readers to the cell itself where its variables are folded, and keeps results', () => {
    const plain = folded(GRAPH, () => true);
    expect(ids(plain)).toEqual(['cell 1', 'cell 2', 'cell 3', 'auc@3', 'cell 4']);
    expect(plain.edges.map(edge => `${edge.a}-${edge.b}`).sort()).toEqual(['0-1', '0-2', '0-4', '1-2', '2-3']);
    expect(ids(folded(GRAPH, node => node.id === 'cell 2'))).not.toContain('x@2');
  });

  it('is searched by name, value and number', () => {
    expect(matches(GRAPH, 'AUC').map(i => GRAPH.nodes[i]?.id)).toEqual(['auc@3']);
    expect(matches(GRAPH, 'cell 2').map(i => GRAPH.nodes[i]?.id)).toEqual(['cell 2']);
    expect(matches(GRAPH, ' ')).toEqual([]);
  });
});

describe('the layout', () => {
  const of = (graph: Graph): ReturnType<typeof layout> => layout(graph.nodes.map(sizeOf), graph.edges.map((edge): Pair => [edge.a, edge.b]));

  it('puts each node below what leads to it, and a source right above what it leads to', () => {
    expect(layersOf(4, [[0, 1], [1, 2], [3, 2]])).toEqual([0, 1, 2, 1]);
    const found = of(big(60));
    for (const edge of big(60).edges) {
      expect(found.layers[edge.a] ?? 0).toBeLessThan(found.layers[edge.b] ?? 0);
    }
  });

  it('lets no two nodes overlap, and all lie inside', () => {
    const found = of(big(200));
    for (let layer = 0; layer <= Math.max(...found.layers); layer += 1) {
      const boxes = found.boxes.filter((_, i) => found.layers[i] === layer).sort((a, b) => a.x - b.x);
      boxes.forEach((box, i) => expect(box.x + 0.01).toBeGreaterThanOrEqual((boxes[i - 1]?.x ?? -1e9) + (boxes[i - 1]?.width ?? 0)));
    }
    expect(Math.min(...found.boxes.map(box => box.x))).toBeGreaterThanOrEqual(0);
    expect(Math.max(...found.boxes.map(box => box.x + box.width))).toBeLessThanOrEqual(found.width);
  });

  it('gives a path for each edge, and the same for the same graph', () => {
    const found = of(GRAPH);
    expect(found.paths).toHaveLength(GRAPH.edges.length);
    expect(found.paths.every(path => path.startsWith('M'))).toBe(true);
    expect(of(GRAPH)).toEqual(found);
    expect(layout([], []).width).toBe(0);
  });

  it('survives edges in a circle', () => {
    expect(layout([{ width: 10, height: 10 }, { width: 10, height: 10 }], [[0, 1], [1, 0]]).boxes).toHaveLength(2);
  });
});

describe('the model of the tab', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const rest = (): Promise<unknown> => vi.advanceTimersByTimeAsync(500);
  const WHOLE: LineageGraph = { session: 's1', run: '', nodes: [...GRAPH.nodes], edges: [...GRAPH.edges], cells: 4, total: 9, earlier: 0 };
  const AS_RUN: CellAsRun = { session: 's1', n: 2, cell: 'c2', source: 'x = df.a', state: 'ok', started: 1, seconds: 1, error: '', reads: ['df'], writes: [], opaque: [] };
  const start = (answers: Record<string, unknown> = {}): ReturnType<typeof fakeSurroundings> & { model: LineageModel } => {
    const fakes = fakeSurroundings({ lineage: WHOLE, 'lineage/s1/cells/2': AS_RUN, ...answers }, { ...EMPTY, path: 'a.ipynb', live: liveOf() });
    const model = new LineageModel(fakes.around);
    model.show();
    return { ...fakes, model };
  };

  it('asks for the notebook in front and lays its graph out', async () => {
    const { model, requests } = start();
    await rest();
    expect(requests.asked[0]).toEqual(['GET', 'lineage', { kernel: 'k1', path: 'a.ipynb', run: '', all: '' }]);
    expect(model.state.layout.boxes).toHaveLength(7);
  });

  it('looks at what one node needs, and at everything again', async () => {
    const { model } = start();
    await rest();
    model.focusOn('x@2');
    expect(ids(model.state.graph)).toEqual(['cell 1', 'df@1', 'cell 2', 'x@2']);
    model.focusOn('');
    expect(model.state.graph.nodes).toHaveLength(7);
  });

  it('folds the variables of one cell, of all, and of all but one', async () => {
    const { model } = start();
    await rest();
    model.fold('cell 1');
    expect(ids(model.state.graph)).not.toContain('df@1');
    model.foldAll(true);
    expect(ids(model.state.graph).filter(id => id.includes('@'))).toEqual(['auc@3']);
    model.fold('cell 2');
    expect(ids(model.state.graph).filter(id => id.includes('@'))).toEqual(['x@2', 'auc@3']);
  });

  it('stands still where nothing changed: the layout is the same object', async () => {
    const { model, changes } = start();
    await rest();
    const before = model.state.layout;
    changes.emit({ noun: 'run' });
    await rest();
    expect(model.state.layout).toBe(before);
  });

  it('brings the cell as it ran with its card, and says why it cannot', async () => {
    const { model } = start();
    await rest();
    model.select('x@2');
    await rest();
    expect(model.state.cell?.source).toBe('x = df.a');
    model.select('cell 4');
    await rest();
    expect(model.state.cellProblem?.message).toContain('lineage/s1/cells/4');
  });

  it('forgets what it showed when another run is asked for', async () => {
    const { model, requests } = start();
    await rest();
    model.select('cell 1');
    model.ofRun('r7');
    expect(model.state).toMatchObject({ whole: null, selected: '', loading: true });
    await rest();
    expect(requests.asked.at(-1)?.[2]).toMatchObject({ run: 'r7' });
  });
});

describe('half a thousand nodes', () => {
  it('are laid out', () => {
    const graph = big(260);
    const sizes = graph.nodes.map(sizeOf);
    const pairs = graph.edges.map((edge): Pair => [edge.a, edge.b]);
    layout(sizes, pairs);
    const from = performance.now();
    const found = layout(sizes, pairs);
    console.info(`${graph.nodes.length} nodes, ${pairs.length} edges: ${(performance.now() - from).toFixed(1)} ms, ${Math.round(found.width)} × ${Math.round(found.height)}`);
    expect(found.boxes).toHaveLength(520);
    expect(Math.max(...linksOf(graph).after.map(row => row.length))).toBeGreaterThan(1);
  });
});
