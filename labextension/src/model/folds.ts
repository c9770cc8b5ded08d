/**
 * What the user has folded and unfolded, kept in JupyterLab's own state so that a reload shows the panel as it was left.
 *
 * Only what differs from the default is ever stored, under a key that names the part: `section:Runs`, `run:<id>`; the tab in front
 * is `tab:<view>`. The newest stay.
 */

import type { IStateDB } from '@jupyterlab/statedb';

export type Folds = Readonly<Record<string, boolean>>;

/** Where folds outlive the page. */
export interface Memory {
  load(): Promise<Folds>;
  save(folds: Folds): Promise<void>;
}

const KEY = 'mlops-jupyter:folds';
const MOST = 200;

/** The folds with one set anew. */
export function withFold(folds: Folds, key: string, open: boolean): Folds {
  const others = Object.entries(folds).filter(([other]) => other !== key);
  return Object.fromEntries([...others, [key, open] as const].slice(-MOST));
}

const TAB = 'tab:';

/** The folds, with this tab in front. */
export function withTab(folds: Folds, view: string): Folds {
  return withFold(Object.fromEntries(Object.entries(folds).filter(([key]) => !key.startsWith(TAB))), TAB + view, true);
}

/** The tab that was in front; "" if that was never said. */
export function tabIn(folds: Folds): string {
  return Object.keys(folds).find(key => key.startsWith(TAB))?.slice(TAB.length) ?? '';
}

export function memoryIn(db: IStateDB): Memory {
  return {
    load: async () => {
      const stored = await db.fetch(KEY);
      const entries = typeof stored === 'object' && stored !== null ? Object.entries(stored) : [];
      return Object.fromEntries(entries.filter((entry): entry is [string, boolean] => typeof entry[1] === 'boolean'));
    },
    save: folds => db.save(KEY, { ...folds })
  };
}

/** For a Lab without a state database: nothing outlives the page. */
export const FORGETFUL: Memory = { load: () => Promise.resolve({}), save: () => Promise.resolve() };
