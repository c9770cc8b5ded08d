/** Whether something runs now, as far as the panel knows: of the notebook's own session it knows, of others it does not. */

import type { PanelState } from '../../model/state';

export function isRunning(panel: PanelState): boolean {
  return (panel.live?.executions ?? []).some(row => row.state === 'running');
}

/** An open run of another session may be going on. */
export function isBusy(panel: PanelState, session: string): boolean {
  return isRunning(panel) || session !== panel.live?.session?.id;
}
