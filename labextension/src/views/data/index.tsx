/** The Data tab, and the page of one dataset, as views of the panel. */

import * as React from 'react';

import { DataModel, DatasetModel } from '../../model/data';
import type { View } from '../view';
import { DataTab } from './list';
import { DatasetOf } from './page';

export const dataView: View = {
  id: 'data',
  tab: text => text.__('Data'),
  open: around => {
    const model = new DataModel(around);
    return { model, draw: ({ panel }) => <DataTab model={model} panel={panel} /> };
  }
};

export const datasetView: View = {
  id: 'dataset',
  tab: null,
  open: around => {
    const model = new DatasetModel(around);
    return { model, draw: ({ place }) => <DatasetOf model={model} dataset={place.subject} /> };
  }
};
