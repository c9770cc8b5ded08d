/** Every tab of the panel, in their order, and every page that a tab leads to. */

import { convertView } from './convert';
import { jobsView } from './jobs';
import { nowView } from './now';
import { runsView } from './runs';
import type { View } from './view';

export const VIEWS: readonly View[] = [nowView, runsView, jobsView, convertView];
