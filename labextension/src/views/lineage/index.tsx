/** The Lineage tab as a view of the panel: of the notebook, or opened for a run. */

import * as React from 'react';

import { LineageModel } from '../../model/lineage';
import type { View } from '../view';
import { LineageTab } from './tab';

export const lineageView: View = {
  id: 'lineage',
  tab: text => text.__('Lineage'),
  open: around => {
    const model = new LineageModel(around);
    return { model, draw: ({ place, panel }) => <LineageTab model={model} panel={panel} run={place.subject} /> };
  }
};
