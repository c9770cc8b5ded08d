/** The routes of the Data tab. */

import type { Requests } from './client';
import type { DatasetDifference, DatasetPage, DatasetProfile, Datasets } from './schema';

/** Whose experiment: of this kernel's session, else of this notebook's. */
export interface Whose {
  readonly kernel: string;
  readonly path: string;
}

const at = (key: string, what = ''): string => `datasets/${encodeURIComponent(key)}${what}`;

export function datasets(requests: Requests, whose: Whose): Promise<Datasets> {
  return requests.get('datasets', { ...whose });
}

export function dataset(requests: Requests, key: string, whose: Whose): Promise<DatasetPage> {
  return requests.get(at(key), { ...whose });
}

/** What differs from version `a` to version `b`. */
export function difference(requests: Requests, key: string, a: string, b: string, whose: Whose): Promise<DatasetDifference> {
  return requests.get(at(key, '/difference'), { a, b, ...whose });
}

/** The statistics of a version, and of the one that it is laid over ("": none). */
export function profile(requests: Requests, key: string, version: string, against: string, whose: Whose): Promise<DatasetProfile> {
  return requests.get(at(key, '/profile'), { version, against, ...whose });
}
