/**
 * A graph of lineage as it is looked at: what leads to what, what is left when variables are folded into their cells, or when only
 * what a node needs is looked at. Pure.
 */

import type { LineageEdge, LineageNode } from '../api/schema';
import { bytes } from './format';

export interface Graph {
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
}

/** For each node the places of those before and after it. */
export interface Links {
  readonly before: readonly (readonly number[])[];
  readonly after: readonly (readonly number[])[];
}

export const NOTHING: Graph = { nodes: [], edges: [] };

export function linksOf(graph: Graph, drawn: (edge: LineageEdge) => boolean = () => true): Links {
  const before: number[][] = graph.nodes.map(() => []);
  const after: number[][] = graph.nodes.map(() => []);
  for (const edge of graph.edges) {
    if (drawn(edge)) {
      before[edge.b]?.push(edge.a);
      after[edge.a]?.push(edge.b);
    }
  }
  return { before, after };
}

export const isDrawn = (edge: LineageEdge): boolean => (edge.faint ?? '') === '';

/** The places of all that a node follows from, itself included. A cell that may have used anything follows from every cell before it. */
export function neededFor(graph: Graph, id: string): Set<number> {
  const { before } = linksOf(graph);
  const start = graph.nodes.findIndex(node => node.id === id);
  const found = new Set<number>(start < 0 ? [] : [start]);
  const queue = [...found];
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    const node = graph.nodes[here];
    const all = node?.opaque === true ? graph.nodes.flatMap((other, i) => (other.kind === 'cell' && (other.n ?? 0) < (node.n ?? 0) ? [i] : [])) : [];
    for (const one of [...(before[here] ?? []), ...all]) {
      if (!found.has(one)) {
        found.add(one);
        queue.push(one);
      }
    }
  }
  return found;
}

/** The graph of these nodes only. */
export function onlyThese(graph: Graph, kept: ReadonlySet<number>): Graph {
  const places = new Map([...kept].sort((a, b) => a - b).map((old, i) => [old, i]));
  const edges = graph.edges.flatMap(edge => {
    const [a, b] = [places.get(edge.a), places.get(edge.b)];
    return a === undefined || b === undefined ? [] : [{ ...edge, a, b }];
  });
  return { nodes: graph.nodes.filter((_, i) => kept.has(i)), edges };
}

/** The graph without the variables of these cells: who read them is linked to the cell itself. */
export function folded(graph: Graph, isFolded: (maker: LineageNode) => boolean): Graph {
  const { before } = linksOf(graph, isDrawn);
  const makers = graph.nodes.map((node, i): number | null => {
    const [maker] = before[i] ?? [];
    const made = maker === undefined ? undefined : graph.nodes[maker];
    return node.kind === 'variable' && made?.kind === 'cell' && maker !== undefined && isFolded(made) ? maker : null;
  });
  const edges = new Map<string, LineageEdge>();
  for (const edge of graph.edges) {
    const a = makers[edge.a] ?? edge.a;
    const b = makers[edge.b] ?? edge.b;
    const known = edges.get(`${a} ${b}`);
    if (a !== b && (known === undefined || isDrawn(edge))) {
      edges.set(`${a} ${b}`, { ...edge, a, b });
    }
  }
  const kept = new Set(makers.flatMap((maker, i) => (maker === null ? [i] : [])));
  return onlyThese({ nodes: graph.nodes, edges: [...edges.values()] }, kept);
}

/** How many variables of a cell there are to fold. */
export function variablesOf(graph: Graph, place: number): number {
  return linksOf(graph, isDrawn).after[place]?.filter(one => graph.nodes[one]?.kind === 'variable').length ?? 0;
}

/** Places of the nodes whose label, names or number match a search. */
export function matches(graph: Graph, text: string): number[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') {
    return [];
  }
  return graph.nodes.flatMap((node, i) => {
    const words = [node.label, node.detail ?? '', node.kind === 'cell' ? `cell ${node.n ?? ''}` : '', ...(node.unread ?? [])];
    return words.some(word => word.toLowerCase().includes(wanted)) ? [i] : [];
  });
}

/** What is said below a node's label. */
export function detailOf(node: LineageNode): string {
  const size = node.nbytes === undefined || node.nbytes === null ? '' : bytes(node.nbytes);
  return [node.detail ?? '', size].filter(part => part !== '').join(' · ');
}

/** The part of a path or an address that tells it from others: it stands at the end. */
export function shortName(node: LineageNode): string {
  return node.kind === 'data' && node.source !== 'query' ? node.label.replace(/^.*[/\\](?=[^/\\]+$)/, '') : node.label;
}
