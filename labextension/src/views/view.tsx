/**
 * What a tab or a page of the panel is made of: a name, and how it is opened. One file each, listed in `views.ts`.
 *
 * A view that asks the server has a model of its own, made when it is first shown; it is told when it comes into sight and when it
 * leaves it, keeps what it knows meanwhile, and goes with the panel.
 */

import * as React from 'react';

import type { PanelState } from '../model/state';
import type { Look, Surroundings, TabModel } from '../model/tab';
import type { Place } from '../model/trail';
import type { Text } from './text';

export interface Shown {
  readonly place: Place;
  readonly panel: PanelState;
}

export interface Opened {
  readonly model: TabModel<object> | null;
  draw(shown: Shown): React.JSX.Element;
}

export interface View {
  readonly id: string;
  /** What its tab says; null for a page that no tab leads to. */
  readonly tab: ((text: Text) => string) | null;
  open(around: Surroundings): Opened;
}

/** The state of a tab's model, drawn again whenever it changes. */
export function useTab<S extends object>(model: TabModel<S>): S & Look {
  return React.useSyncExternalStore(
    React.useCallback(
      (draw: () => void) => {
        model.changed.connect(draw);
        return () => void model.changed.disconnect(draw);
      },
      [model]
    ),
    () => model.state
  );
}

/** The view in front, opened when it is first needed; all of them are disposed with the panel. */
export function useOpened(view: View, around: Surroundings): Opened {
  const all = React.useRef(new Map<string, Opened>());
  const opened = all.current.get(view.id) ?? view.open(around);
  all.current.set(view.id, opened);
  React.useEffect(() => {
    opened.model?.show();
    return () => opened.model?.hide();
  }, [opened]);
  React.useEffect(() => {
    const held = all.current;
    return () => {
      held.forEach(one => one.model?.dispose());
      held.clear();
    };
  }, []);
  return opened;
}
