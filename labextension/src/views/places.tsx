/** What the panel says while there is nothing to list yet: no notebook, no kernel, no package, not tracked, no metric. */

import * as React from 'react';

import type { Mismatch, PanelState } from '../model/state';
import { Icon } from './icons';
import { Button, Copyable, useActions } from './parts';

function Sentence({ children }: { children: React.ReactNode }): React.JSX.Element {
  return <p className="jp-mlops-sentence">{children}</p>;
}

const RECORDED = ['cell sources, times and outcomes', 'outputs, capped in size', 'fingerprints of data and models', 'params and metrics', 'packages, git state, files read'];
const LEFT_OUT = ['the data itself', 'values of other variables', 'secrets: they are redacted'];

function Untracked({ state }: { state: PanelState }): React.JSX.Element {
  const actions = useActions();
  const answer = state.trackAnswer;
  return (
    <div className="jp-mlops-place">
      <Sentence>Track this notebook to see which cells made a result, verify it, and turn it into a job.</Sentence>
      <Button kind="primary" testid="mlops-track" disabled={state.starting} onClick={() => void actions.track()}>
        {state.starting ? 'Starting…' : 'Track this notebook'}
      </Button>
      {answer?.ok === false && (
        <pre className="jp-mlops-printed jp-mlops-mod-error" role="alert">
          {answer.text}
        </pre>
      )}
      <div className="jp-mlops-terms">
        <Terms title="Recorded" items={RECORDED} mark="check" />
        <Terms title="Never recorded" items={LEFT_OUT} mark="minus" />
      </div>
      {state.status && (
        <p className="jp-mlops-muted jp-mlops-small">
          Kept in <code className="jp-mlops-path">{state.status.store}</code>
        </p>
      )}
    </div>
  );
}

function Terms({ title, items, mark }: { title: string; items: readonly string[]; mark: 'check' | 'minus' }): React.JSX.Element {
  return (
    <div>
      <h2 className="jp-mlops-label">{title}</h2>
      <ul className="jp-mlops-terms-list">
        {items.map(item => (
          <li key={item}>
            <Icon mark={mark} />
            <span>{item}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function NotInstalled({ state }: { state: PanelState }): React.JSX.Element {
  return (
    <div className="jp-mlops-place">
      <Sentence>
        {`The kernel ${state.kernelName === '' ? '' : `“${state.kernelName}” `}does not have mlops_jupyter. Install it in the kernel’s own environment, then restart the kernel:`}
      </Sentence>
      <Copyable text={state.installCommand} what="the install command" testid="mlops-install-command" />
    </div>
  );
}

/** The phases in which the notebook is not tracked. Null where the lists speak for themselves. */
export function Place({ state }: { state: PanelState }): React.JSX.Element | null {
  switch (state.phase) {
    case 'no-notebook':
      return <div className="jp-mlops-place"><Sentence>Open a notebook to see its session, runs and jobs here.</Sentence></div>;
    case 'no-kernel':
      return <div className="jp-mlops-place"><Sentence>This notebook has no kernel. Start one to track it.</Sentence></div>;
    case 'no-server':
      return <NoServer />;
    case 'other-language':
      return <div className="jp-mlops-place"><Sentence>{`This kernel speaks ${state.language}; mlops_jupyter tracks Python kernels.`}</Sentence></div>;
    case 'not-installed':
      return <NotInstalled state={state} />;
    case 'untracked':
      return <Untracked state={state} />;
    case 'checking':
    case 'tracked':
      return null;
  }
}

function NoServer(): React.JSX.Element {
  return (
    <div className="jp-mlops-place">
      <Sentence>The Jupyter server does not answer for mlops_jupyter. Enable its server part where JupyterLab is installed, then restart JupyterLab:</Sentence>
      <Copyable text="jupyter server extension enable mlops_jupyter" what="the command" />
    </div>
  );
}

export function MismatchNote({ versions, command }: { versions: Mismatch | null; command: string }): React.JSX.Element | null {
  if (!versions) {
    return null;
  }
  return (
    <div className="jp-mlops-note jp-mlops-mod-warn" data-testid="mlops-version-mismatch" role="note">
      <Icon mark="warning" />
      <div>
        <p>{`This kernel has mlops_jupyter ${versions.kernel}, JupyterLab has ${versions.server}. Install the same version in both${command === '' ? '.' : ', then restart the kernel:'}`}</p>
        {command !== '' && <Copyable text={command} what="the install command" />}
      </div>
    </div>
  );
}

/** Tracked, cells have run, and no metric was seen: the line that makes one. */
export function NoMetric({ floats }: { floats: readonly string[] }): React.JSX.Element {
  const [name, setName] = React.useState('');
  const chosen = floats.includes(name) ? name : (floats.at(-1) ?? 'auc');
  return (
    <div className="jp-mlops-nothing" data-testid="mlops-no-metric">
      <p>
        No metric seen yet. Scores of known libraries are picked up as they are computed; for any other number, add this line to a cell:
      </p>
      <Copyable text={`mlops.log_metric("${chosen}", ${chosen})`} what="the line" />
      {floats.length > 1 && (
        <div className="jp-mlops-choices" role="group" aria-label="Variables that hold a number">
          {floats.map(other => (
            <button key={other} type="button" aria-pressed={other === chosen} onClick={() => setName(other)}>
              {other}
            </button>
          ))}
        </div>
      )}
      <p className="jp-mlops-muted jp-mlops-small">
        with <code>import mlops_jupyter as mlops</code>
      </p>
    </div>
  );
}
