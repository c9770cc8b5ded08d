/** The top of the panel: which notebook, which experiment, whether it is tracked, whether what it shows can be had again. */

import * as React from 'react';

import type { Goal } from '../api/schema';
import { badgeOf, type BadgeWord } from '../model/badge';
import { bytes, number, stem, when } from '../model/format';
import { bestMet } from '../model/goal';
import type { PanelState, Phase } from '../model/state';
import { Icon, type Mark } from './icons';
import { Chip, useActions, type Tone } from './parts';
import { useText, type Text } from './text';
import { badgeReason, badgeWord } from './words';

function stateWords(text: Text): Record<Phase, string> {
  return {
    'no-notebook': '',
    'no-kernel': text.__('No kernel'),
    checking: text.__('Checking the kernel…'),
    'no-server': text.__('Server part missing'),
    'other-language': text.__('Not a Python kernel'),
    'not-installed': text.__('Not in this kernel'),
    untracked: text.__('Not tracked'),
    tracked: text.__('Tracking')
  };
}

const BADGES: Record<BadgeWord, { mark: Mark; tone: Tone }> = {
  unknown: { mark: 'question', tone: 'plain' },
  verified: { mark: 'check', tone: 'good' },
  'verified before edit': { mark: 'history', tone: 'fair' },
  different: { mark: 'cross', tone: 'bad' }
};

/** Tracked in every kernel that the user starts: a switch that is kept in the user's settings. */
function Always({ state }: { state: PanelState }): React.JSX.Element | null {
  const actions = useActions();
  const text = useText();
  if (state.phase !== 'untracked' && state.phase !== 'tracked' && state.phase !== 'no-kernel') {
    return null;
  }
  return (
    <button
      type="button"
      role="switch"
      className="jp-mlops-switch"
      aria-checked={state.always}
      data-testid="mlops-always"
      title={text.__('Start tracking in every kernel that you start for this notebook')}
      onClick={() => void actions.always(!state.always)}
    >
      <span>{text.__('Always')}</span>
      <span className="jp-mlops-switch-track" aria-hidden="true"><span /></span>
    </button>
  );
}

function goalWords(goal: Goal, text: Text): string {
  const bounds = [
    typeof goal.at_least === 'number' ? `≥ ${number(goal.at_least)}` : '',
    typeof goal.at_most === 'number' ? `≤ ${number(goal.at_most)}` : ''
  ].filter(part => part !== '');
  const metric = goal.metric ?? '';
  return metric === '' ? goal.text : text.__('%1 %2', metric, bounds.join(', ')).trim();
}

/** The objective, and whether a run of this notebook has met it. */
function Objective({ state }: { state: PanelState }): React.JSX.Element | null {
  const text = useText();
  const goal = state.live?.goal;
  if (!goal) {
    return null;
  }
  const best = bestMet(state.runs, goal);
  const judged = (goal.metric ?? '') !== '';
  const words = !judged ? '' : best ? text.__('met by #%1', best.number ?? 0) : text.__('not met yet');
  return (
    <span className="jp-mlops-objective" data-testid="mlops-objective" data-met={best !== undefined} title={goal.text}>
      <Chip mark="target" tone={!judged ? 'plain' : best ? 'good' : 'fair'}>{[goalWords(goal, text), words].filter(part => part !== '').join(' · ')}</Chip>
    </span>
  );
}

function Reproducible({ state }: { state: PanelState }): React.JSX.Element | null {
  const text = useText();
  const session = state.live?.session?.id ?? '';
  if (state.phase !== 'tracked' || session === '') {
    return null;
  }
  const badge = badgeOf(state.runs, session, state.stale, state.live?.environment ?? '');
  const reason = badgeReason(text, badge.fact);
  const { mark, tone } = BADGES[badge.word];
  return (
    <p className="jp-mlops-header-badge" data-testid="mlops-badge" data-word={badge.word} role="status">
      <span title={reason}><Chip mark={mark} tone={tone}>{badgeWord(text, badge.word)}</Chip></span>
      <Objective state={state} />
      <span className="jp-mlops-muted jp-mlops-small jp-mlops-header-reason">{reason}</span>
    </p>
  );
}

export function Header({ state }: { state: PanelState }): React.JSX.Element | null {
  const text = useText();
  if (state.phase === 'no-notebook') {
    return null;
  }
  const session = state.live?.session;
  const experiment = session?.experiment ?? '';
  const packages = state.phase === 'tracked' ? (state.live?.package_count ?? 0) : 0;
  return (
    <div className="jp-mlops-header">
      <div className="jp-mlops-header-row">
        <p className="jp-mlops-header-name" title={state.path}>
          <strong>{state.name}</strong>
          {experiment !== '' && experiment !== stem(state.path) && (
            <span className="jp-mlops-muted" title={text.__('Experiment %1', experiment)}>
              <span aria-label={text.__('experiment')}> → </span>
              {experiment}
            </span>
          )}
        </p>
        <Always state={state} />
      </div>
      <p className="jp-mlops-header-state" role="status">
        <span className="jp-mlops-dot" data-phase={state.phase} aria-hidden="true" />
        <span className="jp-mlops-header-word">{stateWords(text)[state.phase]}</span>
        {packages > 0 && <span className="jp-mlops-header-packages">{text._n('%1 package', '%1 packages', packages)}</span>}
        {state.status && state.phase !== 'no-server' && (
          <span title={state.status.store}>{text.__('store %1', bytes(state.status.size_bytes))}</span>
        )}
      </p>
      <Reproducible state={state} />
      {(state.trail[0].view === 'now' ? (session?.notes ?? []) : []).map(note => (
        <p key={note} className="jp-mlops-note jp-mlops-mod-quiet">
          <Icon mark="warning" />
          <span>{note}</span>
        </p>
      ))}
    </div>
  );
}

/** While the server does not answer: what is shown stays, and it is said of when it is. */
export function Offline({ since }: { since: number | null }): React.JSX.Element {
  const text = useText();
  return (
    <div role="status">
      {since !== null && (
        <p className="jp-mlops-note jp-mlops-mod-warn jp-mlops-offline" data-testid="mlops-offline">
          <Icon mark="warning" />
          <span>
            {text.__('The Jupyter server does not answer.')} {since > 0 ? text.__('This is as of %1.', when(since)) : ''} {text.__('Trying again…')}
          </span>
        </p>
      )}
    </div>
  );
}
