/** Every tab of the panel, in their order, and every page that a tab leads to. */

import { compareView } from './compare';
import { convertView } from './convert';
import { dataView, datasetView } from './data';
import { deliveryView } from './delivery';
import { historyView } from './history/page';
import { sweepView } from './jobs/sweep';
import { jobsView } from './jobs/tab';
import { lineageView } from './lineage';
import { nowView } from './now';
import { runsView } from './runs/tab';
import { chartsView } from './runs/charts';
import { runView } from './runs/one';
import type { View } from './view';

export const VIEWS: readonly View[] = [
  nowView, runsView, lineageView, dataView, jobsView, deliveryView, convertView, sweepView, historyView, datasetView,
  runView, compareView, chartsView
];
