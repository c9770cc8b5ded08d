/** A quiet mark in the margin of each cell of the notebook that no longer holds, and on hover why. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Cell } from '@jupyterlab/cells';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import type { StaleCell } from '../api/schema';
import { IMlopsPanel } from '../tokens';

const MARK = 'jp-mlops-margin';

function unmark(cell: Cell): void {
  cell.node.querySelector(`:scope > .${MARK}`)?.remove();
}

function mark(cell: Cell, stale: StaleCell, text: TranslationBundle): void {
  const words = text.__('No longer holds: %1', stale.reason);
  const known = cell.node.querySelector<HTMLElement>(`:scope > .${MARK}`);
  const element = known ?? document.createElement('div');
  element.className = MARK;
  element.dataset.kind = stale.kind ?? '';
  element.setAttribute('role', 'img');
  element.setAttribute('aria-label', words);
  element.title = words;
  if (!known) {
    cell.node.appendChild(element);
  }
}

/** Make the margin of a notebook say what is known of its cells now. */
function draw(panel: NotebookPanel, stale: readonly StaleCell[], text: TranslationBundle): void {
  const known = new Map(stale.filter(cell => cell.kind !== 'never run').map(cell => [cell.id, cell]));
  for (const cell of panel.content.widgets) {
    const found = known.get(cell.model.id);
    if (found) {
      mark(cell, found, text);
    } else {
      unmark(cell);
    }
  }
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:marks',
  description: 'Marks in the margin of stale cells.',
  autoStart: true,
  requires: [INotebookTracker, IMlopsPanel],
  optional: [ITranslator],
  activate: (_app: JupyterFrontEnd, tracker: INotebookTracker, mlops: IMlopsPanel, translator: ITranslator | null) => {
    const text = (translator ?? nullTranslator).load('mlops_jupyter');
    let drawn: readonly StaleCell[] | null = null;
    mlops.model.stateChanged.connect(() => {
      const { stale, path, phase } = mlops.model.state;
      const panel = tracker.currentWidget;
      if (panel?.context.path === path && stale !== drawn) {
        drawn = stale;
        draw(panel, phase === 'tracked' ? stale : [], text);
      }
    });
  }
};

export default plugin;
