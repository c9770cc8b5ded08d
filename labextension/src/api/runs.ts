/** What the server tells of runs by the thousand, and what a person says of them. */

import type { Compared, Curve, Named, Overview, RemarkBody, Run, RunWindow } from './schema';
import type { Requests } from './client';

/** Which runs: of an experiment ("" for all), that meet a filter. */
export interface About {
  readonly experiment: string;
  readonly filter: string;
}

const run = (id: string): string => `runs/${encodeURIComponent(id)}`;

export class RunsApi {
  constructor(private readonly requests: Requests) {}

  window(about: About, order: string, offset: number, limit: number): Promise<RunWindow> {
    return this.requests.get('runs/table', { ...about, order_by: order, offset, limit });
  }

  overview(about: About, zone: string): Promise<Overview> {
    return this.requests.get('runs/overview', { ...about, zone });
  }

  /** Whole runs, newest first. */
  runs(about: About, offset: number, limit: number): Promise<Run[]> {
    return this.requests.get('runs', { ...about, offset, limit });
  }

  columns(experiment: string): Promise<Named[]> {
    return this.requests.get('runs/columns', { experiment });
  }

  curves(ids: readonly string[]): Promise<Curve[]> {
    return this.requests.get('runs/curves', { ids: ids.join(',') });
  }

  run(id: string): Promise<Run> {
    return this.requests.get(run(id));
  }

  /** What changed to a run since another; `since` "": since the run before it. */
  changes(id: string, since: string): Promise<Compared> {
    return this.requests.get(`${run(id)}/changes`, { since });
  }

  remark(id: string, said: RemarkBody): Promise<Run> {
    return this.requests.post(`${run(id)}/remark`, said);
  }

  delete(id: string): Promise<Run> {
    return this.requests.remove(run(id));
  }

  restore(id: string): Promise<Run> {
    return this.requests.post(`${run(id)}/restore`, {});
  }
}
