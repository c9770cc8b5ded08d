/** The widget that JupyterLab places at its right side: the views, redrawn whenever the model changes. */

import { VDomRenderer } from '@jupyterlab/ui-components';
import * as React from 'react';

import { panelIcon } from './icon';
import type { PanelModel } from './model';
import { Panel } from './views/panel';

export class PanelWidget extends VDomRenderer<PanelModel> {
  constructor(model: PanelModel) {
    super(model);
    this.id = 'mlops-panel';
    this.addClass('jp-mlops-widget');
    this.title.icon = panelIcon;
    this.title.caption = 'MLOps';
  }

  protected override render(): React.JSX.Element {
    return <Panel state={this.model.state} actions={this.model} />;
  }
}
