/** How a run of a job ended, with the ways to what it left. */

import * as React from 'react';

import type { Task } from '../../api/schema';
import { duration } from '../../model/format';
import { moment } from '../../model/spans';
import { Icon } from '../icons';
import { Button, useActions } from '../parts';
import { useText } from '../text';
import { stateWord } from '../words';
import { field, firstOf, flag, listOf, numberField } from '../unknowns';

/** What a run took over from an earlier one, and which of its costly cells it ran again, and why. */
function Taken({ result }: { result: unknown }): React.JSX.Element | null {
  const text = useText();
  const cells = listOf(result, 'cells');
  const taken = cells.filter(one => flag(one, 'taken'));
  const again = cells.filter(one => !flag(one, 'taken') && field(one, 'why') !== '' && numberField(one, 'seconds') === null);
  if (taken.length === 0) {
    return null;
  }
  const seconds = taken.reduce<number>((sum, one) => sum + (numberField(one, 'seconds') ?? 0), 0);
  const since = Math.max(...taken.map(one => numberField(one, 'since') ?? 0));
  const total = numberField(result, 'total') ?? 0;
  return (
    <div data-testid="mlops-taken">
      <p>{text._n('%1 of %2 cells was taken from the run of %3, which spent %4 on it.', '%1 of %2 cells were taken from the run of %3, which spent %4 on them.', taken.length, total, moment(since), duration(seconds))}</p>
      {again.map((one, i) => <p key={i} className="jp-mlops-muted jp-mlops-wrap">{text.__('Cell %1 ran again: %2', numberField(one, 'cell') ?? 0, field(one, 'why'))}</p>)}
    </div>
  );
}

export function Resume({ disabled, onResume }: { disabled: boolean; onResume: () => void }): React.JSX.Element {
  const text = useText();
  return <Button testid="mlops-resume" disabled={disabled} label={text.__('Resume: run it again, with what its costly cells left')} onClick={onResume}>{text.__('Resume')}</Button>;
}

/** `onResume`: run it again with what it kept; null while that cannot be. */
export function Ended({ task, onResume }: { task: Task; onResume: (() => void) | null }): React.JSX.Element | null {
  const actions = useActions();
  const text = useText();
  const state = field(task.result, 'outcome', 'state') || field(task.result, 'state');
  const output = field(task.result, 'output') || field(task.result, 'output_path');
  const seconds = numberField(task.result, 'outcome', 'seconds');
  const cell = numberField(task.result, 'outcome', 'cell');
  const source = field(task.result, 'outcome', 'source');
  const run = field(firstOf(task.result, 'runs'), 'id');
  const failed = state !== '' && state !== 'succeeded';
  const words = failed ? (cell === null ? text.__('The job did not succeed: %1', stateWord(text, state)) : text.__('Failed in cell %1', cell)) : text.__('Succeeded');
  return (
    <div className={`jp-mlops-note ${failed ? 'jp-mlops-mod-error' : 'jp-mlops-mod-good'}`} role="status" data-testid="mlops-outcome" data-state={state}>
      <Icon mark={failed ? 'cross' : 'check'} />
      <div>
        <p>
          {words}
          {seconds !== null && seconds > 0 && <span className="jp-mlops-muted">{` ${text.__('in %1', duration(seconds))}`}</span>}
        </p>
        <Taken result={task.result} />
        {source !== '' && failed && <pre className="jp-mlops-printed">{source}</pre>}
        {failed && <p className="jp-mlops-wrap">{field(task.result, 'outcome', 'error')}</p>}
        <div className="jp-mlops-buttons">
          {failed && onResume !== null && <Resume disabled={false} onResume={onResume} />}
          {run !== '' && <Button leads={`run:${run}`} onClick={() => actions.show('run', run)}>{text.__('Show the run')}</Button>}
          {output !== '' && <Button onClick={() => actions.open(output)}>{text.__('Open the output notebook')}</Button>}
        </div>
      </div>
    </div>
  );
}
