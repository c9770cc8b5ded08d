/** What the plugins of this extension, and other extensions, may ask of the panel. */

import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { PanelState } from './model/state';
import type { PanelWidget } from './panel';

/** The MLOps panel. */
export interface IMlopsPanel {
  /** Bring the panel to the front with a tab (`show('runs')`), or with a page about something (`show('history', cell)`). */
  show(view: string, subject?: string, other?: string): void;
  /** Another panel about the same notebook, with tabs of its own: to be placed by whoever asks. */
  another(id: string): PanelWidget;
  /** What the panel knows of the current notebook, and a signal that it is different now. */
  readonly model: { readonly state: PanelState; readonly stateChanged: ISignal<unknown, void>; track(): Promise<void>; refresh(): void };
}

export const IMlopsPanel = new Token<IMlopsPanel>(
  'mlops-jupyter:IMlopsPanel',
  'The side panel of mlops_jupyter: show a tab or a page of it, and what it knows of the current notebook.'
);
