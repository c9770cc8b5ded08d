/** How each experiment delivers. */

import type { Requests } from './client';
import type { Delivery } from './schema';

export function deliveries(requests: Requests): Promise<Delivery[]> {
  return requests.get('delivery');
}
