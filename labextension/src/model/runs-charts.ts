/** The charts of runs: which runs they draw, and the courses of their metrics. Thousands are drawn as the newest of them, and it is said. */

import { RunsApi, type About } from '../api/runs';
import type { Curve, RunLine } from '../api/schema';
import { TabModel, type Surroundings } from './tab';

/** So many runs are drawn. */
export const MOST_RUNS = 1000;
/** Of so many the course of metrics is asked for. */
export const MOST_CURVES = 20;
export const ALL = 'all';
/** As `all`, of every experiment. */
export const EVERYWHERE = 'everywhere';

export interface ChartsState {
  readonly lines: readonly RunLine[];
  readonly total: number;
  readonly curves: readonly Curve[];
  /** What the lines are of: the page's subject and filter. */
  readonly of: string;
}

export class ChartsModel extends TabModel<ChartsState> {
  constructor(around: Surroundings) {
    super(around, { lines: [], total: 0, curves: [], of: '' });
    this.api = new RunsApi(around.requests);
  }

  protected override readonly nouns = ['run'] as const;

  /** Draw these runs (ids with commas between), or all that meet a filter: of this experiment (`all`) or `everywhere`. */
  draw(ids: string, filter: string): void {
    if (this.ids !== ids || this.filter !== filter) {
      [this.ids, this.filter] = [ids, filter];
      this.set({ lines: [], curves: [] }, { loading: true, problem: null });
      this.refresh(0);
    }
  }

  protected async load(): Promise<void> {
    const { ids, filter } = this;
    if (ids === '') {
      return;
    }
    const { lines, total } = await this.api.window(this.asked(), '', 0, MOST_RUNS);
    const curves = lines.length === 0 ? [] : await this.api.curves(lines.slice(0, MOST_CURVES).map(line => line.id));
    if (ids === this.ids && filter === this.filter) {
      this.set({ lines, total, curves, of: `${ids} ${filter}` });
    }
  }

  private asked(): About {
    if (this.ids === ALL || this.ids === EVERYWHERE) {
      const here = this.around.panel.state.live?.session?.experiment_id ?? '';
      return { experiment: this.ids === ALL ? here : '', filter: this.filter };
    }
    const quoted = this.ids.split(',').map(id => `'${id.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`);
    // eslint-disable-next-line texts/translated -- the grammar of searches
    return { experiment: '', filter: `id in (${quoted.join(', ')})` };
  }

  private readonly api: RunsApi;
  private ids = '';
  private filter = '';
}
