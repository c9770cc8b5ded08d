/** The change events of mlops_jupyter, picked out of Jupyter's own event bus. */

import type { Event } from '@jupyterlab/services';
import { Signal, type ISignal } from '@lumino/signaling';

import type { Change } from '../api/answers';

export const CHANGE = 'https://mlops-jupyter.readthedocs.io/events/change/v1';

/** One signal, fired for each event of ours. */
export class Changes {
  constructor(manager: Pick<Event.IManager, 'stream'>) {
    manager.stream.connect((_, emission) => {
      if (emission.schema_id === CHANGE) {
        this._changed.emit(emission as unknown as Change);
      }
    });
  }

  get changed(): ISignal<this, Change> {
    return this._changed;
  }

  private readonly _changed = new Signal<this, Change>(this);
}
