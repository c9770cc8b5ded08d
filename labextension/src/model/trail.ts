/** Where the user is in the panel: a tab, or a page that was opened from one, and the way back. Pure. */

/** A tab (`runs`), or a page about something (`history` of a cell, `compare` of two runs). */
export interface Place {
  readonly view: string;
  /** What it is about: the id of a run, a cell, a dataset; "" for a tab as a whole. */
  readonly subject: string;
  /** A second thing, where there are two. */
  readonly other: string;
}

export type Trail = readonly [Place, ...Place[]];

export const START: Trail = [{ view: 'now', subject: '', other: '' }];

const LONGEST = 20;

/** Go on to a place. A tab (which is about nothing else) begins a new way; a page is left by `back`. */
export function on(trail: Trail, place: Place): Trail {
  const [here] = trail;
  if (here.view === place.view && here.subject === place.subject && here.other === place.other) {
    return trail;
  }
  return place.subject === '' ? [place] : [place, ...trail.slice(0, LONGEST)];
}

/** Only the tab on which a way began: what a page was about may not be there any more. */
export function tabOf(trail: Trail): Trail {
  return [trail.at(-1) ?? START[0]];
}

/** One step back; the first place of a way stays. */
export function back(trail: Trail): Trail {
  const [, before, ...rest] = trail;
  return before === undefined ? trail : [before, ...rest];
}
