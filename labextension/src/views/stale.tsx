/** The cells of the open notebook that no longer hold: how many, which, why, and the button that runs them. */

import * as React from 'react';

import type { StaleCell } from '../api/schema';
import type { Rerun } from '../model/rerun';
import type { PanelState } from '../model/state';
import { Icon } from './icons';
import { Breakable, Button, Fold, useActions } from './parts';
import { useText, type Text } from './text';

/** What a rerun came to. How many ran is said until something else does not hold. */
function said(done: Rerun, holds: boolean, text: Text): string[] {
  return [
    done.ran.length > 0 && holds ? text._n('%1 cell was run.', '%1 cells were run.', done.ran.length) : '',
    done.failed !== '' ? text.__('The last one failed: what comes after it was not run.') : '',
    done.restless.length > 0 ? text._n('%1 cell does not come to rest: it makes something else each time.', '%1 cells do not come to rest: they make something else each time.', done.restless.length) : '',
    done.remains.length > 0 ? text.__('Only a restarted kernel brings back: %1', done.remains.join('; ')) : ''
  ].filter(part => part !== '');
}

function Cell({ cell }: { cell: StaleCell }): React.JSX.Element {
  const actions = useActions();
  return (
    <li>
      <button type="button" className="jp-mlops-stale-cell" data-testid="mlops-stale-cell" data-kind={cell.kind} onClick={() => void actions.reveal(cell.id)}>
        <span className="jp-mlops-n">{cell.n ?? '–'}</span>
        <span className="jp-mlops-stale-reason"><Breakable text={cell.reason} /></span>
      </button>
    </li>
  );
}

export function StaleCells({ state }: { state: PanelState }): React.JSX.Element | null {
  const actions = useActions();
  const text = useText();
  const { stale, rerunning, rerun } = state;
  // A cell that was never run is no fault of a notebook that is worked on from top to bottom.
  const faults = stale.filter(cell => cell.kind !== 'never run').length;
  const words = rerun ? said(rerun, faults === 0, text) : [];
  if (state.phase !== 'tracked' || (faults === 0 && !rerunning && words.length === 0)) {
    return null;
  }
  return (
    <section className="jp-mlops-stale" aria-label={text.__('Stale cells')} data-testid="mlops-stale">
      {(faults > 0 || rerunning) && (
        <div className="jp-mlops-stale-head">
          <Icon mark="history" />
          <p role="status">{text._n('%1 cell no longer holds', '%1 cells no longer hold', faults)}</p>
          <Button testid="mlops-run-stale" disabled={rerunning} onClick={() => void actions.runStale()}>
            {rerunning ? text.__('Running…') : text.__('Run stale cells')}
          </Button>
        </div>
      )}
      {faults > 0 && (
        <Fold name="stale:cells" testid="mlops-stale-why" label={text.__('Which, and why')}>
          <ol className="jp-mlops-stale-list">
            {stale.map((cell, at) => <Cell key={`${cell.id}:${at}`} cell={cell} />)}
          </ol>
        </Fold>
      )}
      {words.map(line => <p key={line} className="jp-mlops-muted jp-mlops-small" role="status" data-testid="mlops-rerun">{line}</p>)}
    </section>
  );
}
