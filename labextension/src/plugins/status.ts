/** An item in the status bar: whether the notebook is tracked, and how many cells no longer hold. A click opens the panel. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { PanelState } from '../model/state';
import { IMlopsPanel } from '../tokens';

function words(state: PanelState, text: TranslationBundle): string {
  if (state.offline !== null) {
    return text.__('MLOps: server away');
  }
  if (state.phase !== 'tracked') {
    return state.phase === 'untracked' ? text.__('MLOps: not tracked') : '';
  }
  const running = state.tasks.filter(task => task.state === 'running').length;
  const stale = state.stale.filter(cell => cell.kind !== 'never run').length;
  return [
    text.__('MLOps: tracking'),
    stale > 0 ? text.__('%1 stale', stale) : '',
    running > 0 ? text._n('%1 task', '%1 tasks', running) : ''
  ].filter(part => part !== '').join(' · ');
}

/** A button, so that it is reached and pressed without a mouse. */
class StatusItem extends Widget {
  constructor(private readonly mlops: IMlopsPanel, private readonly text: TranslationBundle) {
    super({ node: document.createElement('button') });
    this.id = 'mlops-status';
    this.addClass('jp-mlops-status');
    this.node.setAttribute('type', 'button');
    this.node.title = text.__('Open the MLOps panel');
    this.node.addEventListener('click', () => mlops.show('now'));
    mlops.model.stateChanged.connect(() => this.draw());
    this.draw();
  }

  private draw(): void {
    const said = words(this.mlops.model.state, this.text);
    if (this.node.textContent !== said) {
      this.node.textContent = said;
      this.node.hidden = said === '';
    }
  }
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'mlops-jupyter:status',
  description: 'Whether the notebook is tracked, in the status bar.',
  autoStart: true,
  requires: [IMlopsPanel],
  optional: [IStatusBar, ITranslator],
  activate: (_app: JupyterFrontEnd, mlops: IMlopsPanel, bar: IStatusBar | null, translator: ITranslator | null) => {
    const text = (translator ?? nullTranslator).load('mlops_jupyter');
    bar?.registerStatusItem('mlops-jupyter:status', { item: new StatusItem(mlops, text), align: 'left', rank: 50 });
  }
};

export default plugin;
