/** What each experiment delivers, and what is read off it. */

import type { Delivery, DeliveryWeek } from '../api/schema';
import { deliveries } from '../api/delivery';
import { TabModel, type Surroundings } from './tab';

export interface DeliveryState {
  readonly all: readonly Delivery[];
}

/** A part of a whole; null where there is no whole. */
export function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** Per week: a share, or null where nothing was to be counted. */
export function weekly(one: Delivery, part: (week: DeliveryWeek) => number, whole: (week: DeliveryWeek) => number): (number | null)[] {
  return one.weeks.map(week => share(part(week), whole(week)));
}

export class DeliveryModel extends TabModel<DeliveryState> {
  constructor(around: Surroundings) {
    super(around, { all: [] });
  }

  // Each look reads the whole ledger: what a running cell adds can wait until it is looked at again.
  protected override readonly nouns = ['session', 'submission', 'verification', 'task'] as const;

  protected async load(): Promise<void> {
    this.set({ all: await deliveries(this.around.requests) });
  }
}
