/** The model of the Lineage tab: which graph is looked at, how much of it, and the node whose card is open. */

import { cellAsRun, lineage } from '../api/lineage';
import type { Change } from '../api/answers';
import type { CellAsRun, LineageGraph, LineageNode } from '../api/schema';
import { detailOf, folded, isDrawn, neededFor, NOTHING, onlyThese, shortName, type Graph } from './graph';
import { layout, type Layout, type Size } from './layout';
import { problemOf, type Problem } from './problem';
import type { PanelState } from './state';
import { TabModel, type Surroundings } from './tab';

export interface LineageState {
  /** As the server gave it; null before its first answer. */
  readonly whole: LineageGraph | null;
  /** The run whose graph it is; "": the notebook's newest session. */
  readonly run: string;
  /** Also cells that no result needs. */
  readonly all: boolean;
  /** Only what this node needs; "": everything. */
  readonly focus: string;
  /** Cells whose variables are folded into them. */
  readonly foldedCells: ReadonlySet<string>;
  /** All of them are. */
  readonly plain: boolean;
  /** What of it is drawn, and where. */
  readonly graph: Graph;
  readonly layout: Layout;
  /** The node whose card is open. */
  readonly selected: string;
  /** The cell that the card is about, as it ran. */
  readonly cell: CellAsRun | null;
  readonly cellProblem: Problem | null;
}

const REMEMBERED = 6;
const CHARACTER = 6.9;
/** Mark, paddings and borders beside the words. */
const AROUND = 40;

/** How large a node is drawn. */
export function sizeOf(node: LineageNode): Size {
  if (node.kind === 'cell') {
    return { width: 176, height: 34 };
  }
  const detail = detailOf(node);
  const letters = Math.max(shortName(node).length, detail.length * 0.9);
  return { width: Math.round(Math.min(190, Math.max(64, letters * CHARACTER + AROUND))), height: detail === '' ? 24 : 36 };
}

export class LineageModel extends TabModel<LineageState> {
  constructor(around: Surroundings) {
    super(around, {
      whole: null, run: '', all: false, focus: '', foldedCells: new Set(), plain: false, graph: NOTHING, layout: layout([], []),
      selected: '', cell: null, cellProblem: null
    });
  }

  /** The graph of a run, or of the notebook (""). */
  ofRun(run: string): void {
    if (run !== this.state.run) {
      this.set({ run, whole: null, graph: NOTHING, layout: layout([], []), focus: '', selected: '', cell: null }, { loading: true });
      this.refresh(0);
    }
  }

  showAll(all: boolean): void {
    this.set({ all });
    this.refresh(0);
  }

  /** Open the card of a node; "": close it. */
  select(id: string): void {
    this.set({ selected: id, cellProblem: null });
    void this.ask();
  }

  /** Look only at what a node needs; "": at everything again. */
  focusOn(id: string): void {
    const { selected } = this.state;
    this.redraw({ focus: id, selected: selected === '' || id === '' ? selected : id });
    void this.ask();
  }

  /** Fold the variables of a cell into it, or unfold them. */
  fold(id: string): void {
    const foldedCells = new Set(this.state.foldedCells);
    if (!foldedCells.delete(id)) {
      foldedCells.add(id);
    }
    this.redraw({ foldedCells });
  }

  foldAll(plain: boolean): void {
    this.redraw({ plain, foldedCells: new Set() });
  }

  protected override readonly nouns: readonly Change['noun'][] = ['execution', 'run', 'session'];

  protected override subject(panel: PanelState): string {
    return JSON.stringify([panel.path, panel.live?.session?.id ?? '']);
  }

  protected async load(): Promise<void> {
    const { panel } = this.around;
    const { run, all } = this.state;
    if (panel.state.path === '' && run === '') {
      return;
    }
    const kernel = panel.state.live?.session?.kernel_id ?? '';
    const whole = await lineage(this.around.requests, { kernel, path: panel.state.path, run, all });
    if (run !== this.state.run || all !== this.state.all) {
      this.refresh(0);
      return;
    }
    if (JSON.stringify(whole) !== JSON.stringify(this.state.whole)) {
      this.redraw({ whole });
    }
  }

  private redraw(part: Partial<LineageState>): void {
    const next = { ...this.state, ...part };
    const whole: Graph = next.whole ?? NOTHING;
    const focus = whole.nodes.some(node => node.id === next.focus) ? next.focus : '';
    const looked = focus === '' ? whole : onlyThese(whole, neededFor(whole, focus));
    const graph = next.plain || next.foldedCells.size > 0 ? folded(looked, cell => next.plain !== next.foldedCells.has(cell.id)) : looked;
    const selected = whole.nodes.some(node => node.id === next.selected) ? next.selected : '';
    this.set({ ...part, focus, selected, graph, layout: this.placed(graph) });
  }

  /** Where the nodes stand. The same graph stands where it stood. */
  private placed(graph: Graph): Layout {
    const key = JSON.stringify([graph.nodes.map(node => [node.id, node.label, node.detail]), graph.edges]);
    const found = this.known.get(key) ?? layout(graph.nodes.map(sizeOf), graph.edges.filter(isDrawn).map(edge => [edge.a, edge.b]));
    this.known.delete(key);
    this.known.set(key, found);
    const [oldest] = this.known.keys();
    if (this.known.size > REMEMBERED && oldest !== undefined) {
      this.known.delete(oldest);
    }
    return found;
  }

  /** The cell that the selected node is, or that made it, as it ran. */
  private async ask(): Promise<void> {
    const { whole, selected, cell } = this.state;
    const n = whole?.nodes.find(node => node.id === selected)?.n ?? 0;
    if (whole === null || n === 0 || (cell?.n === n && cell.session === whole.session)) {
      return;
    }
    try {
      const found = await cellAsRun(this.around.requests, whole.session, n);
      if (this.state.selected === selected) {
        this.set({ cell: found });
      }
    } catch (error) {
      this.set({ cellProblem: problemOf(error) });
    }
  }

  private readonly known = new Map<string, Layout>();
}
