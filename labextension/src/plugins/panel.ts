/** The panel at JupyterLab's right side, its commands in menu, palette and toolbar. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Client } from '../api/client';
import { panelIcon } from '../icon';
import { Changes } from '../model/events';
import { FORGETFUL, memoryIn } from '../model/folds';
import { TrackedNotebook } from '../model/notebook';
import { PanelModel } from '../model/panel';
import { PanelWidget } from '../panel';
import { IMlopsPanel } from '../tokens';

const ID = 'mlops-jupyter:plugin';
const OPEN = 'mlops:open';
const TRACK = 'mlops:track';
const RANK = 900;

function addCommands(app: JupyterFrontEnd, panel: PanelWidget): void {
  app.commands.addCommand(OPEN, {
    label: 'MLOps Panel',
    caption: 'Show the session, runs and jobs of this notebook',
    icon: panelIcon,
    describedBy: { args: { type: 'object', properties: { view: { type: 'string', description: 'The tab to show: now, runs, jobs …' } } } },
    execute: args => {
      app.shell.activateById(panel.id);
      if (typeof args.view === 'string') {
        panel.model.show(args.view);
      }
    }
  });
  app.commands.addCommand(TRACK, {
    label: 'Track This Notebook',
    caption: 'Record each cell execution of this notebook from now on',
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled: () => panel.model.state.phase === 'untracked',
    execute: async () => {
      app.shell.activateById(panel.id);
      await panel.model.track();
    }
  });
}

/** The panel as other plugins see it. */
function tokenOf(app: JupyterFrontEnd, panel: PanelWidget): IMlopsPanel {
  return {
    show: (view, subject, other) => {
      app.shell.activateById(panel.id);
      panel.model.show(view, subject, other);
    },
    model: panel.model
  };
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
    settings: ISettingRegistry | null,
    db: IStateDB | null,
    translator: ITranslator | null
  ) => {
    const requests = new Client(app.serviceManager.serverSettings);
    const changes = new Changes(app.serviceManager.events).changed;
    const model = new PanelModel({
      api: requests,
      notebooks: new TrackedNotebook(tracker),
      changes,
      desk: {
        open: path => void app.commands.execute('docmanager:open', { path }),
        copy: text => Clipboard.copyToSystem(text)
      },
      memory: db ? memoryIn(db) : FORGETFUL
    });
    const panel = new PanelWidget(model, { requests, changes, panel: model }, (translator ?? nullTranslator).load('mlops_jupyter'));
    app.shell.add(panel, 'right', { rank: RANK, type: 'MLOps' });
    restorer?.add(panel, panel.id);
    addCommands(app, panel);
    palette?.addItem({ command: OPEN, category: 'MLOps' });
    palette?.addItem({ command: TRACK, category: 'MLOps' });
    // Loading the settings is what brings the menu item, the toolbar button and the shortcut of schema/plugin.json.
    settings?.load(ID).catch((reason: unknown) => console.error('mlops_jupyter: settings did not load', reason));
    return tokenOf(app, panel);
  }
};

export default plugin;
