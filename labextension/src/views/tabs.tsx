/** The row of tabs. The arrow keys go along it, as in every list of tabs. */

import * as React from 'react';

import { useActions } from './parts';
import { useText } from './text';
import type { View } from './view';

const STEP: Partial<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 };

export function Tabs({ views, front, body }: { views: readonly View[]; front: string; body: string }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const list = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    list.current?.querySelector(`[data-view="${front}"]`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [front]);
  const go = (place: number): void => {
    const view = views[(place + views.length) % views.length];
    if (view) {
      actions.show(view.id);
      list.current?.querySelector<HTMLElement>(`[data-view="${view.id}"]`)?.focus();
    }
  };
  const onKey = (event: React.KeyboardEvent, place: number): void => {
    const step = STEP[event.key];
    if (step !== undefined || event.key === 'Home' || event.key === 'End') {
      event.preventDefault();
      go(step !== undefined ? place + step : event.key === 'Home' ? 0 : -1);
    }
  };
  return (
    <div className="jp-mlops-tabs" role="tablist" aria-label="MLOps" ref={list}>
      {views.map((view, i) => (
        <button
          key={view.id}
          type="button"
          role="tab"
          aria-selected={view.id === front}
          aria-controls={body}
          tabIndex={view.id === front ? 0 : -1}
          data-view={view.id}
          onClick={() => actions.show(view.id)}
          onKeyDown={event => onKey(event, i)}
        >
          {view.tab?.(text)}
        </button>
      ))}
    </div>
  );
}
