/** Handing a job to a runner: which runners there are, asked once and only when somebody wants to know; and the hand-over. */

import type { Requests } from '../api/client';
import { runners, startSweep, submit } from '../api/jobs';
import type { Handover, Known, Schedule, SubmitBody, SweepBody, Task } from '../api/schema';

/** What is asked besides parameters and inputs. */
export interface Order {
  readonly runner: string;
  /** Those that somebody has changed. */
  readonly options: Readonly<Record<string, string>>;
  readonly cron: string;
  readonly zone: string;
  readonly retries: number;
  readonly unverified: boolean;
}

export class Submitting {
  constructor(
    private readonly requests: Requests,
    private readonly changed: () => void
  ) {}

  /** All runners; what went wrong is asked again the next time. */
  runners(): Promise<readonly Known[]> {
    this.known ??= runners(this.requests).catch((error: unknown) => {
      this.known = null;
      throw error;
    });
    return this.known;
  }

  async submit(folder: string, order: Order, given: Pick<SubmitBody, 'parameters' | 'inputs'>): Promise<Handover> {
    const { runner, options, retries, unverified } = order;
    const made = await submit(this.requests, { folder, runner, options, retries, unverified, ...given, schedule: scheduleOf(order) });
    this.changed();
    return made;
  }

  async sweep(body: SweepBody): Promise<Task> {
    const { task } = await startSweep(this.requests, body);
    this.changed();
    return task;
  }

  private known: Promise<readonly Known[]> | null = null;
}

export function scheduleOf(order: Pick<Order, 'cron' | 'zone'>): Schedule | null {
  const cron = order.cron.trim();
  return cron === '' ? null : { cron, zone: order.zone.trim() || 'UTC' };
}
