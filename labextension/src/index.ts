/** Wiring: the panel into JupyterLab's right side, its command into menu, palette and toolbar. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';

import { Client } from './api/client';
import { Changes } from './events';
import { FORGETFUL, memoryIn } from './folds';
import { panelIcon } from './icon';
import { PanelModel } from './model';
import { TrackedNotebook } from './notebook';
import { PanelWidget } from './panel';

const ID = 'mlops-jupyter:plugin';
const OPEN = 'mlops:open';
const TRACK = 'mlops:track';
const RANK = 900;

function addCommands(app: JupyterFrontEnd, panel: PanelWidget): void {
  const describedBy = { args: { type: 'object', properties: {} } } as const;
  app.commands.addCommand(OPEN, {
    label: 'MLOps Panel',
    caption: 'Show the session, runs and jobs of this notebook',
    icon: panelIcon,
    describedBy,
    execute: () => app.shell.activateById(panel.id)
  });
  app.commands.addCommand(TRACK, {
    label: 'Track This Notebook',
    caption: 'Record each cell execution of this notebook from now on',
    describedBy,
    isEnabled: () => panel.model.state.phase === 'untracked',
    execute: async () => {
      app.shell.activateById(panel.id);
      await panel.model.track();
    }
  });
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'The side panel of mlops_jupyter: session, runs, cells needed, jobs.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ILayoutRestorer, ICommandPalette, ISettingRegistry, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null,
    db: IStateDB | null
  ) => {
    const model = new PanelModel({
      api: new Client(app.serviceManager.serverSettings),
      notebooks: new TrackedNotebook(tracker),
      changes: new Changes(app.serviceManager.events).changed,
      desk: {
        open: path => void app.commands.execute('docmanager:open', { path }),
        copy: text => Clipboard.copyToSystem(text)
      },
      memory: db ? memoryIn(db) : FORGETFUL
    });
    const panel = new PanelWidget(model);
    app.shell.add(panel, 'right', { rank: RANK, type: 'MLOps' });
    restorer?.add(panel, panel.id);
    addCommands(app, panel);
    palette?.addItem({ command: OPEN, category: 'MLOps' });
    palette?.addItem({ command: TRACK, category: 'MLOps' });
    // Loading the settings is what brings the menu item, the toolbar button and the shortcut of schema/plugin.json.
    settings?.load(ID).catch((reason: unknown) => console.error('mlops_jupyter: settings did not load', reason));
  }
};

export default plugin;
