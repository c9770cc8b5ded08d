/** The panel in the main area, as wide as a document: for tables of runs, charts and lineage. In the launcher and the palette. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { panelIcon } from '../icon';
import type { PanelWidget } from '../panel';
import { IMlopsPanel } from '../tokens';

const OPEN = 'mlops:open-wide';
const CATEGORY = 'MLOps';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:wide',
  description: 'Runs, lineage, data and jobs in the main area.',
  autoStart: true,
  requires: [IMlopsPanel],
  optional: [ICommandPalette, ILauncher, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlopsPanel,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => {
    const text = (translator ?? nullTranslator).load('mlops_jupyter');
    const tracker = new WidgetTracker<MainAreaWidget<PanelWidget>>({ namespace: 'mlops-wide' });
    let open: MainAreaWidget<PanelWidget> | null = null;
    app.commands.addCommand(OPEN, {
      label: text.__('MLOps Runs'),
      caption: text.__('Runs, lineage, data and jobs, as wide as a document'),
      icon: panelIcon,
      describedBy: { args: { type: 'object', properties: { view: { type: 'string', description: 'The tab to show: runs, lineage, data, jobs …' } } } },
      execute: async args => {
        if (!open || open.isDisposed) {
          open = new MainAreaWidget({ content: mlops.another('mlops-wide') });
          open.title.label = text.__('MLOps');
          open.title.icon = panelIcon;
          app.shell.add(open, 'main');
          await tracker.add(open);
        }
        app.shell.activateById(open.id);
        open.content.model.show(typeof args.view === 'string' ? args.view : 'runs');
      }
    });
    palette?.addItem({ command: OPEN, category: CATEGORY });
    launcher?.add({ command: OPEN, category: CATEGORY, rank: 1 });
    void restorer?.restore(tracker, { command: OPEN, name: () => 'mlops-wide' });
  }
};

export default plugin;
