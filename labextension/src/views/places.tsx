/** What the panel says while there is nothing to list yet: no notebook, no kernel, no package, not tracked, no metric. */

import * as React from 'react';

import type { Mismatch, PanelState } from '../model/state';
import { Icon } from './icons';
import { Button, Copyable, useActions } from './parts';
import { useText, type Text } from './text';

function Sentence({ children }: { children: React.ReactNode }): React.JSX.Element {
  return <p className="jp-mlops-sentence">{children}</p>;
}

function recorded(text: Text): string[] {
  return [
    text.__('cell sources, times and outcomes'),
    text.__('outputs, capped in size'),
    text.__('fingerprints of data and models'),
    text.__('params and metrics'),
    text.__('packages, git state, files read')
  ];
}

function leftOut(text: Text): string[] {
  return [text.__('the data itself'), text.__('values of other variables'), text.__('secrets: they are redacted')];
}

function Untracked({ state }: { state: PanelState }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const answer = state.trackAnswer;
  return (
    <div className="jp-mlops-place">
      <Sentence>{text.__('Track this notebook to see which cells made a result, verify it, and turn it into a job.')}</Sentence>
      <Button kind="primary" testid="mlops-track" disabled={state.starting} onClick={() => void actions.track()}>
        {state.starting ? text.__('Starting…') : text.__('Track this notebook')}
      </Button>
      {answer?.ok === false && (
        <pre className="jp-mlops-printed jp-mlops-mod-error" role="alert">
          {answer.text}
        </pre>
      )}
      <div className="jp-mlops-terms">
        <Terms title={text.__('Recorded')} items={recorded(text)} mark="check" />
        <Terms title={text.__('Never recorded')} items={leftOut(text)} mark="minus" />
      </div>
      {state.status && (
        <p className="jp-mlops-muted jp-mlops-small">
          {text.__('Kept in')} <code className="jp-mlops-path">{state.status.store}</code>
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
  const text = useText();
  const who = state.kernelName === '' ? text.__('The kernel does not have mlops_jupyter.') : text.__('The kernel “%1” does not have mlops_jupyter.', state.kernelName);
  return (
    <div className="jp-mlops-place">
      <Sentence>{`${who} ${text.__('Install it in the kernel’s own environment, then restart the kernel:')}`}</Sentence>
      <Copyable text={state.installCommand} what={text.__('the install command')} testid="mlops-install-command" />
    </div>
  );
}

/** The phases in which the notebook is not tracked. Null where the lists speak for themselves. */
export function Place({ state }: { state: PanelState }): React.JSX.Element | null {
  const text = useText();
  switch (state.phase) {
    case 'no-notebook':
      return <div className="jp-mlops-place"><Sentence>{text.__('Open a notebook to see its session, runs and jobs here.')}</Sentence></div>;
    case 'no-kernel':
      return <div className="jp-mlops-place"><Sentence>{text.__('This notebook has no kernel. Start one to track it.')}</Sentence></div>;
    case 'no-server':
      return <NoServer />;
    case 'other-language':
      return <div className="jp-mlops-place"><Sentence>{text.__('This kernel speaks %1; mlops_jupyter tracks Python kernels.', state.language)}</Sentence></div>;
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
  const text = useText();
  return (
    <div className="jp-mlops-place">
      <Sentence>{text.__('The Jupyter server does not answer for mlops_jupyter. Enable its server part where JupyterLab is installed, then restart JupyterLab:')}</Sentence>
      <Copyable text="jupyter server extension enable mlops_jupyter" what={text.__('the command')} />
    </div>
  );
}

export function MismatchNote({ versions, command }: { versions: Mismatch | null; command: string }): React.JSX.Element | null {
  const text = useText();
  if (!versions) {
    return null;
  }
  const both = text.__('This kernel has mlops_jupyter %1, JupyterLab has %2.', versions.kernel, versions.server);
  const help = command === '' ? text.__('Install the same version in both.') : text.__('Install the same version in both, then restart the kernel:');
  return (
    <div className="jp-mlops-note jp-mlops-mod-warn" data-testid="mlops-version-mismatch" role="note">
      <Icon mark="warning" />
      <div>
        <p>{`${both} ${help}`}</p>
        {command !== '' && <Copyable text={command} what={text.__('the install command')} />}
      </div>
    </div>
  );
}

/** Tracked, cells have run, and no metric was seen: the line that makes one. */
export function NoMetric({ floats }: { floats: readonly string[] }): React.JSX.Element {
  const text = useText();
  const [name, setName] = React.useState('');
  const chosen = floats.includes(name) ? name : (floats.at(-1) ?? 'auc');
  return (
    <div className="jp-mlops-nothing" data-testid="mlops-no-metric">
      <p>{text.__('No metric seen yet. Scores of known libraries are picked up as they are computed; for any other number, add this line to a cell:')}</p>
      <Copyable text={`mlops.log_metric("${chosen}", ${chosen})`} what={text.__('the line')} />
      {floats.length > 1 && (
        <div className="jp-mlops-choices" role="group" aria-label={text.__('Variables that hold a number')}>
          {floats.map(other => (
            <button key={other} type="button" aria-pressed={other === chosen} onClick={() => setName(other)}>
              {other}
            </button>
          ))}
        </div>
      )}
      <p className="jp-mlops-muted jp-mlops-small">
        {text.__('with')} <code>import mlops_jupyter as mlops</code>
      </p>
    </div>
  );
}
