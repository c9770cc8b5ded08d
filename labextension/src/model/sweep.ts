/** One sweep of a job, as a table: looked at again while it goes on. */

import type { SweepTable } from '../api/schema';
import { startSweep, sweepTable } from '../api/jobs';
import { TabModel, type Surroundings } from './tab';
import type { PanelState } from './state';

const LOOK = 1500;

export interface SweepState {
  readonly table: SweepTable | null;
  readonly metric: string;
  readonly minimize: boolean;
}

const ENDS: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'timed-out', 'died']);

/** How many children have ended, and how many did so well. */
export function progressOf(table: SweepTable): { ended: number; succeeded: number } {
  const ended = Object.entries(table.states).reduce((sum, [state, n]) => sum + (ENDS.has(state) ? n : 0), 0);
  return { ended, succeeded: table.states.succeeded ?? 0 };
}

export class SweepModel extends TabModel<SweepState> {
  constructor(around: Surroundings) {
    super(around, { table: null, metric: '', minimize: false });
  }

  protected override readonly nouns = ['task', 'submission'] as const;

  /** Which metric decides, and whether the least of it is the best. */
  order(metric: string, minimize: boolean): void {
    this.set({ metric, minimize });
    this.refresh(0);
  }

  /** Run again what has not succeeded. */
  async resume(folder: string, id: string): Promise<void> {
    await startSweep(this.around.requests, { folder, resume: id });
    this.refresh(0);
  }

  override dispose(): void {
    clearTimeout(this.timer);
    super.dispose();
  }

  protected override subject(panel: PanelState): string {
    const [place] = panel.trail;
    return place.view === 'sweep' ? `${place.subject} ${place.other}` : this.shown;
  }

  protected async load(): Promise<void> {
    const [place] = this.around.panel.state.trail;
    if (place.view !== 'sweep') {
      return;
    }
    const about = `${place.subject} ${place.other}`;
    if (about !== this.shown) {
      this.shown = about;
      this.set({ table: null, metric: '', minimize: false });
    }
    const { metric, minimize } = this.state;
    const table = await sweepTable(this.around.requests, place.subject, place.other, metric, minimize);
    if (about === this.shown) {
      this.set({ table });
    }
    clearTimeout(this.timer);
    if (progressOf(table).ended < table.total) {
      this.timer = setTimeout(() => this.refresh(0), LOOK);
    }
  }

  private shown = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
}
