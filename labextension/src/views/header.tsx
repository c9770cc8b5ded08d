/** The top of the panel: which notebook, which experiment, whether it is tracked, where the records go. */

import * as React from 'react';

import { bytes, count, stem, when } from '../model/format';
import type { PanelState, Phase } from '../model/state';
import { Icon } from './icons';

const STATE_WORDS: Record<Phase, string> = {
  'no-notebook': '',
  'no-kernel': 'No kernel',
  checking: 'Checking the kernel…',
  'no-server': 'Server part missing',
  'other-language': 'Not a Python kernel',
  'not-installed': 'Not in this kernel',
  untracked: 'Not tracked',
  tracked: 'Tracking'
};

export function Header({ state }: { state: PanelState }): React.JSX.Element | null {
  if (state.phase === 'no-notebook') {
    return null;
  }
  const session = state.live?.session;
  const experiment = session?.experiment ?? '';
  const packages = state.phase === 'tracked' ? (state.live?.package_count ?? 0) : 0;
  return (
    <div className="jp-mlops-header">
      <p className="jp-mlops-header-name" title={state.path}>
        <strong>{state.name}</strong>
        {experiment !== '' && experiment !== stem(state.path) && (
          <span className="jp-mlops-muted" title={`Experiment ${experiment}`}>
            <span aria-label="experiment"> → </span>
            {experiment}
          </span>
        )}
      </p>
      <p className="jp-mlops-header-state" role="status">
        <span className="jp-mlops-dot" data-phase={state.phase} aria-hidden="true" />
        <span className="jp-mlops-header-word">{STATE_WORDS[state.phase]}</span>
        {packages > 0 && <span className="jp-mlops-header-packages">{count(packages, 'package')}</span>}
        {state.status && state.phase !== 'no-server' && (
          <span title={state.status.store}>{`store ${bytes(state.status.size_bytes)}`}</span>
        )}
      </p>
      {(session?.notes ?? []).map(note => (
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
  return (
    <div role="status">
      {since !== null && (
        <p className="jp-mlops-note jp-mlops-mod-warn jp-mlops-offline" data-testid="mlops-offline">
          <Icon mark="warning" />
          <span>{`The Jupyter server does not answer.${since > 0 ? ` This is as of ${when(since)}.` : ''} Trying again…`}</span>
        </p>
      )}
    </div>
  );
}
