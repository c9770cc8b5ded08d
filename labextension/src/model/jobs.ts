/**
 * Jobs on their way, of all runners: the newest of them, what schedules have started, the sweeps of the jobs that stand open.
 *
 * Most of what happens is told by events; a place on this machine only moves when it is asked, so while something is under way
 * there this looks by itself.
 */

import type { Handover, SweepTable } from '../api/schema';
import { handovers, retry, stop, sweepsOf } from '../api/jobs';
import { Submitting } from './submitting';
import { TabModel, type Surroundings } from './tab';

const LOOK = 2000;
const FIRST = 50;
const MOST = 1000;

export interface JobsState {
  readonly handovers: readonly Handover[];
  /** Whether there may be older ones. */
  readonly more: boolean;
  /** A schedule → what it has started. */
  readonly children: Readonly<Record<string, readonly Handover[]>>;
  /** Folder of a job → its sweeps. */
  readonly sweeps: Readonly<Record<string, readonly SweepTable[]>>;
}

const GOES_ON: ReadonlySet<string> = new Set(['queued', 'running']);

export function goesOn(one: { readonly state: string }): boolean {
  return GOES_ON.has(one.state);
}

/** `now`, with the very objects of `before` where nothing is different: so that only rows that changed are drawn again. */
export function kept(before: readonly Handover[], now: readonly Handover[]): Handover[] {
  const known = new Map(before.map(one => [one.id, one]));
  return now.map(one => {
    const old = known.get(one.id);
    return old && JSON.stringify(old) === JSON.stringify(one) ? old : one;
  });
}

/** Submissions in their order; those of one sweep that come together are one group. */
export function grouped(all: readonly Handover[]): readonly (readonly [Handover, ...Handover[]])[] {
  const groups = new Map<string, [Handover, ...Handover[]]>();
  for (const one of all) {
    const key = (one.parent ?? '') === '' ? one.id : `of ${one.parent ?? ''}`;
    const group = groups.get(key);
    if (group) {
      group.push(one);
    } else {
      groups.set(key, [one]);
    }
  }
  return [...groups.values()];
}

export class JobsModel extends TabModel<JobsState> {
  constructor(around: Surroundings) {
    super(around, { handovers: [], more: false, children: {}, sweeps: {} });
    this.submitting = new Submitting(around.requests, () => this.refresh(0));
  }

  readonly submitting: Submitting;

  protected override readonly nouns = ['submission', 'task', 'run', 'session'] as const;

  async stop(id: string): Promise<void> {
    await stop(this.around.requests, id);
    this.refresh(0);
  }

  async retry(id: string): Promise<void> {
    await retry(this.around.requests, id);
    this.refresh(0);
  }

  more(): void {
    this.limit = Math.min(MOST, this.limit * 4);
    this.refresh(0);
  }

  /** Read what a schedule has started too, from now on. */
  openSchedule(id: string): void {
    this.open(this.schedules, id);
  }

  /** Read the sweeps of a job too, from now on. */
  openJob(folder: string): void {
    this.open(this.jobs, folder);
  }

  override dispose(): void {
    clearTimeout(this.timer);
    super.dispose();
  }

  protected async load(): Promise<void> {
    const { requests } = this.around;
    const found = await handovers(requests, this.limit);
    const children = await this.each(this.schedules, id => handovers(requests, FIRST, id));
    const sweeps = await this.each(this.jobs, folder => sweepsOf(requests, folder));
    this.set({ handovers: kept(this.state.handovers, found), more: found.length === this.limit && this.limit < MOST, children, sweeps });
    clearTimeout(this.timer);
    if ([...found, ...Object.values(children).flat()].some(one => one.here === true && goesOn(one))) {
      this.timer = setTimeout(() => this.refresh(0), LOOK);
    }
  }

  private open(held: Set<string>, key: string): void {
    if (!held.has(key)) {
      held.add(key);
      this.refresh(0);
    }
  }

  private async each<T>(keys: ReadonlySet<string>, ask: (key: string) => Promise<T>): Promise<Record<string, T>> {
    return Object.fromEntries(await Promise.all([...keys].map(async key => [key, await ask(key)] as const)));
  }

  private limit = FIRST;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly schedules = new Set<string>();
  private readonly jobs = new Set<string>();
}
