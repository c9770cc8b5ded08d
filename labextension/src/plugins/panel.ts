/** The panel at JupyterLab's right side, its commands in menu, palette and toolbar. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import { Client } from '../api/client';
import { panelIcon, runStaleIcon } from '../icon';
import { Changes } from '../model/events';
import { FORGETFUL, memoryIn, type Memory } from '../model/folds';
import { CommonHabits, KeptHabits, type Habits } from '../model/habits';
import { TrackedNotebook } from '../model/notebook';
import { PanelModel } from '../model/panel';
import type { PanelState } from '../model/state';
import { PanelWidget } from '../panel';
import { IMlopsPanel } from '../tokens';

const ID = 'mlops-jupyter:plugin';
const OPEN = 'mlops:open';
const TRACK = 'mlops:track';
const RUN_STALE = 'mlops:run-stale';
const RANK = 900;

function addCommands(app: JupyterFrontEnd, panel: PanelWidget, text: TranslationBundle): void {
  const { commands } = app;
  const { model } = panel;
  const nothing = { args: { type: 'object', properties: {} } } as const;
  commands.addCommand(OPEN, {
    label: text.__('MLOps Panel'),
    caption: text.__('Show the session, runs and jobs of this notebook'),
    icon: panelIcon,
    describedBy: { args: { type: 'object', properties: { view: { type: 'string', description: 'The tab to show: now, runs, jobs …' } } } },
    execute: args => {
      app.shell.activateById(panel.id);
      if (typeof args.view === 'string') {
        model.show(args.view);
      }
    }
  });
  commands.addCommand(TRACK, {
    label: text.__('Track This Notebook'),
    caption: text.__('Record each cell execution of this notebook from now on'),
    describedBy: nothing,
    isEnabled: () => model.state.phase === 'untracked',
    execute: async () => {
      app.shell.activateById(panel.id);
      await model.track();
    }
  });
  commands.addCommand(RUN_STALE, {
    label: text.__('Run Stale Cells'),
    caption: text.__('Run the cells whose results no longer hold, each in its own place'),
    icon: runStaleIcon,
    describedBy: nothing,
    isEnabled: () => canRunStale(model.state),
    execute: () => model.runStale()
  });
  let could = false;
  model.stateChanged.connect(() => {
    const can = canRunStale(model.state);
    if (can !== could) {
      could = can;
      commands.notifyCommandChanged(RUN_STALE);
    }
  });
}

function canRunStale(state: PanelState): boolean {
  return state.phase === 'tracked' && !state.rerunning && state.stale.some(cell => cell.kind !== 'never run');
}

/** Read the user's settings: what is kept there outlives the page. Loading them also brings menu, toolbar and shortcuts. */
async function settle(registry: ISettingRegistry, habits: CommonHabits): Promise<void> {
  try {
    habits.keep(new KeptHabits(await registry.load(ID)));
  } catch (reason) {
    console.error('mlops_jupyter: settings did not load', reason);
  }
}

const plugin: JupyterFrontEndPlugin<IMlopsPanel> = {
  id: ID,
  description: 'The side panel of mlops_jupyter: session, runs, cells needed, jobs.',
  autoStart: true,
  provides: IMlopsPanel,
  requires: [INotebookTracker],
  optional: [ILayoutRestorer, ICommandPalette, ISettingRegistry, IStateDB, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    registry: ISettingRegistry | null,
    db: IStateDB | null,
    translator: ITranslator | null
  ) => {
    const text = (translator ?? nullTranslator).load('mlops_jupyter');
    const requests = new Client(app.serviceManager.serverSettings);
    const changes = new Changes(app.serviceManager.events).changed;
    const notebooks = new TrackedNotebook(tracker);
    const desk = {
      open: (path: string) => void app.commands.execute('docmanager:open', { path }),
      copy: (words: string) => Clipboard.copyToSystem(words)
    };
    const habits = new CommonHabits();
    const make = (id: string, memory: Memory, always: Habits): PanelWidget => {
      const model = new PanelModel({ api: requests, notebooks, changes, desk, memory, habits: always, lost: app.serviceManager.connectionFailure });
      return new PanelWidget(model, { requests, changes, panel: model }, text, id);
    };
    const panel = make('mlops-panel', db ? memoryIn(db) : FORGETFUL, habits);
    app.shell.add(panel, 'right', { rank: RANK, type: 'MLOps' });
    restorer?.add(panel, panel.id);
    addCommands(app, panel, text);
    for (const command of [OPEN, TRACK, RUN_STALE]) {
      palette?.addItem({ command, category: 'MLOps' });
    }
    if (registry) {
      void settle(registry, habits);
    }
    return {
      show: (view, subject, other) => {
        app.shell.activateById(panel.id);
        panel.model.show(view, subject, other);
      },
      another: id => make(id, FORGETFUL, habits.shown()),
      model: panel.model
    };
  }
};

export default plugin;
