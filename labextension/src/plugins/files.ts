/** "Convert to job…" for a notebook in the file browser: opens it, and the page that makes a job of its newest run. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { panelIcon } from '../icon';
import { IMlopsPanel } from '../tokens';

const CONVERT = 'mlops:convert-file';
/** Milliseconds after which a notebook that does not come up is not waited for any more. */
const PATIENCE = 60_000;

/** Resolves once the panel knows of this notebook whether it has runs; false if it does not come to that. */
function known(mlops: IMlopsPanel, path: string): Promise<boolean> {
  return new Promise(resolve => {
    const look = (): void => {
      const { state } = mlops.model;
      if (state.path === path && state.live !== null) {
        end(true);
      }
    };
    const end = (found: boolean): void => {
      clearTimeout(timer);
      mlops.model.stateChanged.disconnect(look);
      resolve(found);
    };
    const timer = setTimeout(() => end(false), PATIENCE);
    mlops.model.stateChanged.connect(look);
    look();
  });
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:files',
  description: 'Convert a notebook to a job from the file browser.',
  autoStart: true,
  requires: [IMlopsPanel],
  optional: [IFileBrowserFactory, ITranslator],
  activate: (app: JupyterFrontEnd, mlops: IMlopsPanel, browsers: IFileBrowserFactory | null, translator: ITranslator | null) => {
    const text = (translator ?? nullTranslator).load('mlops_jupyter');
    const chosen = (): string => {
      const items = [...(browsers?.tracker.currentWidget?.selectedItems() ?? [])];
      const [item] = items;
      return items.length === 1 && item?.type === 'notebook' ? item.path : '';
    };
    app.commands.addCommand(CONVERT, {
      label: text.__('Convert to Job…'),
      caption: text.__('Make a job of the newest run of this notebook'),
      icon: panelIcon,
      describedBy: { args: { type: 'object', properties: { path: { type: 'string', description: 'The notebook; else the one that is selected' } } } },
      isVisible: args => typeof args.path === 'string' || chosen() !== '',
      execute: async args => {
        const path = typeof args.path === 'string' ? args.path : chosen();
        await app.commands.execute('docmanager:open', { path });
        mlops.show('now');
        if (await known(mlops, path)) {
          const [newest] = mlops.model.state.runs;
          mlops.show(newest ? 'convert' : 'now', newest?.id);
        }
      }
    });
    app.contextMenu.addItem({ command: CONVERT, selector: '.jp-DirListing-item[data-file-type="notebook"]', rank: 12 });
  }
};

export default plugin;
