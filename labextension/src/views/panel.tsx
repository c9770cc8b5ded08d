/** The whole panel: a header, the row of tabs, and the view in front. */

import * as React from 'react';

import type { Actions } from '../model/actions';
import type { PanelState } from '../model/state';
import type { Surroundings } from '../model/tab';
import type { Place } from '../model/trail';
import { Header, Offline } from './header';
import { ActionsProvider, AwayProvider, FoldsProvider, ProblemNote } from './parts';
import { MismatchNote } from './places';
import { Tabs } from './tabs';
import { ENGLISH, TextProvider, useText, type Text } from './text';
import { useOpened, type View } from './view';
import { VIEWS } from './views';

const TABS = VIEWS.filter(view => view.tab !== null);

function viewOf(place: Place): View {
  const [first] = VIEWS;
  const found = VIEWS.find(view => view.id === place.view) ?? first;
  if (!found) {
    throw new Error('The panel has no views');
  }
  return found;
}

/** Back from a page, the focus goes to what had led there. */
function useReturn(body: React.RefObject<HTMLElement>, trail: readonly Place[]): void {
  const before = React.useRef(trail);
  React.useEffect(() => {
    const [left] = before.current;
    if (left && trail.length < before.current.length) {
      const ways = [...(body.current?.querySelectorAll<HTMLElement>('[data-leads]') ?? [])];
      ways.find(one => one.dataset.leads === `${left.view}:${left.subject}`)?.focus();
    }
    before.current = trail;
  }, [body, trail]);
}

function Body({ state, around, id }: { state: PanelState; around: Surroundings; id: string }): React.JSX.Element {
  const [place] = state.trail;
  const text = useText();
  const body = React.useRef<HTMLDivElement>(null);
  const opened = useOpened(viewOf(place), around);
  useReturn(body, state.trail);
  return (
    <div id={id} className="jp-mlops-body" role="tabpanel" aria-label={viewOf(place).tab?.(text) ?? text.__('Page')} ref={body} data-view={place.view}>
      <MismatchNote versions={state.mismatch} command={state.installCommand} />
      <ProblemNote problem={state.problem} />
      {opened.draw({ place, panel: state })}
    </div>
  );
}

interface PanelProps {
  state: PanelState;
  actions: Actions;
  around: Surroundings;
  text?: Text;
}

export function Panel({ state, actions, around, text = ENGLISH }: PanelProps): React.JSX.Element {
  const id = React.useId();
  const start = state.trail.at(-1) ?? state.trail[0];
  const front = (state.trail.find(place => viewOf(place).tab !== null) ?? start).view;
  return (
    <ActionsProvider value={actions}>
      <div className="jp-mlops" role="region" aria-label="MLOps" data-testid="mlops-panel" data-phase={state.phase}>
        <TextProvider value={text}>
          <FoldsProvider value={state.folds}>
          <AwayProvider value={state.offline !== null}>
            <Header state={state} />
            <Tabs views={TABS} front={front} body={id} />
            <Offline since={state.offline} />
            <Body state={state} around={around} id={id} />
          </AwayProvider>
          </FoldsProvider>
        </TextProvider>
      </div>
    </ActionsProvider>
  );
}
