/** Two panels about one notebook: at JupyterLab's side and in its main area. Both show and set what is always tracked; one acts. */

import { describe, expect, it } from 'vitest';

import { CommonHabits, PassingHabits } from '../model/habits';
import { PanelModel } from '../model/panel';
import { bench, FakeMemory } from './fakes';

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) {
    await Promise.resolve();
  }
};

function twoPanels(): { side: PanelModel; wide: PanelModel; common: CommonHabits } & Omit<ReturnType<typeof bench>, 'model'> {
  const { api, notebooks, changes, kernel } = bench();
  const common = new CommonHabits();
  const parts = { api, notebooks, changes, desk: { open: () => undefined, copy: () => undefined }, memory: new FakeMemory() };
  const side = new PanelModel({ ...parts, habits: common });
  const wide = new PanelModel({ ...parts, habits: common.shown() });
  return { side, wide, common, api, notebooks, changes, kernel };
}

describe('a habit that two panels share', () => {
  it('is shown by both, whichever it was set in', async () => {
    const { side, wide, notebooks, kernel } = twoPanels();
    notebooks.open(kernel, 'a.ipynb');
    await wide.always(true);
    expect([side.state.always, wide.state.always]).toEqual([true, true]);
    await side.always(false);
    expect([side.state.always, wide.state.always]).toEqual([false, false]);
  });

  it('starts tracking once, and moves once with a notebook that is renamed', async () => {
    const { wide, common, notebooks, kernel } = twoPanels();
    notebooks.open(kernel, 'a.ipynb');
    await wide.always(true);
    const before = kernel.tracks;
    notebooks.changed.emit('restart');
    await settled();
    expect(kernel.tracks).toBe(before + 1);
    const moves: boolean[] = [];
    common.changed.connect(() => moves.push(common.has('b.ipynb')));
    notebooks.rename('b.ipynb');
    await settled();
    expect(moves).toEqual([false, true]);
    expect(wide.state.always).toBe(true);
    expect(common.has('a.ipynb')).toBe(false);
  });

  it('is what was kept, in both, once that was read', async () => {
    const { side, wide, common, notebooks, kernel } = twoPanels();
    notebooks.open(kernel, 'a.ipynb');
    const kept = new PassingHabits();
    await kept.set('a.ipynb', true);
    common.keep(kept);
    expect([side.state.always, wide.state.always]).toEqual([true, true]);
    await wide.always(false);
    expect(kept.has('a.ipynb')).toBe(false);
    expect(side.state.always).toBe(false);
  });

  it('is shown no more by a panel that was closed', async () => {
    const { side, wide, notebooks, kernel } = twoPanels();
    notebooks.open(kernel, 'a.ipynb');
    wide.dispose();
    await side.always(true);
    expect(wide.state.always).toBe(false);
  });
});
