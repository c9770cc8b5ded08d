/** The history of the cell that the page is about: its executions, and of those that stand open what they showed. */

import type { CellHistory, CellVersion, Shown } from '../api/schema';
import { cellHistory, outputsOf } from '../api/history';
import type { PanelState } from './state';
import { TabModel, type Surroundings } from './tab';

export interface HistoryState {
  readonly history: CellHistory | null;
  /** `session:n` → what it showed. */
  readonly outputs: Readonly<Record<string, readonly Shown[]>>;
}

export function keyOf(version: Pick<CellVersion, 'session' | 'n'>): string {
  return `${version.session}:${version.n}`;
}

export class HistoryModel extends TabModel<HistoryState> {
  constructor(around: Surroundings) {
    super(around, { history: null, outputs: {} });
  }

  protected override readonly nouns = ['execution', 'session'] as const;

  /** Read what an execution showed, once. */
  async readOutputs(version: Pick<CellVersion, 'session' | 'n'>): Promise<void> {
    const key = keyOf(version);
    if (this.state.outputs[key] === undefined) {
      const shown = await outputsOf(this.around.requests, version.session, version.n);
      this.set({ outputs: { ...this.state.outputs, [key]: shown } });
    }
  }

  protected override subject(panel: PanelState): string {
    const [place] = panel.trail;
    return JSON.stringify([panel.path, place.view === 'history' ? place.subject : this.cell]);
  }

  protected async load(): Promise<void> {
    const { trail, path, live } = this.around.panel.state;
    const [place] = trail;
    if (place.view !== 'history') {
      return;
    }
    if (place.subject !== this.cell) {
      this.cell = place.subject;
      this.set({ history: null, outputs: {} });
    }
    const history = await cellHistory(this.around.requests, place.subject, live?.session?.kernel_id ?? '', path);
    if (history.cell === this.cell) {
      this.set({ history });
    }
  }

  private cell = '';
}
