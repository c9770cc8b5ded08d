/** The widget that JupyterLab places at its right side: the views, redrawn whenever the model changes. */

import { VDomRenderer } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';
import { flushSync } from 'react-dom';

import { panelIcon } from './icon';
import type { PanelModel } from './model/panel';
import type { Surroundings } from './model/tab';
import { Panel } from './views/panel';
import type { Text } from './views/text';

const ROOMY = 'jp-mlops-mod-roomy';
const DRAGGED = 'panel:dragged';
const HANDLE = '.lm-SplitPanel-handle';
/** Pixels between the panel and the edge that the user drags. */
const NEAR = 16;

export class PanelWidget extends VDomRenderer<PanelModel> {
  constructor(
    model: PanelModel,
    private readonly around: Surroundings,
    private readonly text: Text,
    id = 'mlops-panel'
  ) {
    super(model);
    this.id = id;
    this.addClass('jp-mlops-widget');
    this.title.icon = panelIcon;
    this.title.caption = 'MLOps';
  }

  /** The panel asks for a readable width until the user drags an edge: then it takes what it is given, also on later visits. */
  handleEvent(event: Event): void {
    const handle = event.target instanceof Element ? event.target.closest(HANDLE) : null;
    const edge = this.node.getBoundingClientRect().left;
    if (handle && this.isVisible && Math.abs(handle.getBoundingClientRect().right - edge) < NEAR) {
      // Capturing: Lumino's drag stops the event before it bubbles.
      document.addEventListener('pointermove', () => this.model.fold(DRAGGED, true), { once: true, capture: true });
    }
  }

  /** The model goes with its widget: a panel that is closed asks nothing more. */
  override dispose(): void {
    if (!this.isDisposed) {
      const { model } = this;
      super.dispose();
      model.dispose();
    }
  }

  protected override render(): React.JSX.Element {
    return <Panel state={this.model.state} actions={this.model} around={this.around} text={this.text} />;
  }

  protected override onUpdateRequest(message: Message): void {
    flushSync(() => super.onUpdateRequest(message)); // in this frame, not in one of the next
    const roomy = this.model.state.folds[DRAGGED] !== true;
    if (this.hasClass(ROOMY) !== roomy) {
      this.toggleClass(ROOMY, roomy);
      this.fit();
      this.parent?.fit();
    }
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    document.addEventListener('pointerdown', this, true);
  }

  protected override onBeforeDetach(message: Message): void {
    document.removeEventListener('pointerdown', this, true);
    super.onBeforeDetach(message);
  }
}
