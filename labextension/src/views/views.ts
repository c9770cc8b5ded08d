/** Every tab of the panel, in their order, and every page that a tab leads to. */

import { convertView } from './convert';
import { dataView, datasetView } from './data';
import { jobsView } from './jobs';
import { lineageView } from './lineage';
import { nowView } from './now';
import { runsView } from './runs';
import type { View } from './view';

export const VIEWS: readonly View[] = [nowView, runsView, lineageView, dataView, jobsView, convertView, datasetView];
