/** The cells needed for a run: read when asked for, since the server has to slice for it. */

import * as React from 'react';

import { ToHistory } from './cellhistory';
import type { RunCells } from '../api/schema';
import { firstLine } from '../model/cells';
import type { Problem } from '../model/problem';
import { problemOf } from '../model/problem';
import { Icon } from './icons';
import { Fold, ProblemNote, Waiting, useActions } from './parts';
import { useText } from './text';

function List({ run }: { run: string }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [answer, setAnswer] = React.useState<RunCells | null>(null);
  const [problem, setProblem] = React.useState<Problem | null>(null);
  React.useEffect(() => {
    let wanted = true;
    actions.neededCells(run).then(
      found => wanted && setAnswer(found),
      (error: unknown) => wanted && setProblem(problemOf(error))
    );
    return () => {
      wanted = false;
    };
  }, [actions, run]);
  if (problem || !answer) {
    return problem ? <ProblemNote problem={problem} /> : <Waiting>{text.__('Looking…')}</Waiting>;
  }
  const all = answer.total;
  return (
    <div data-testid="mlops-cells-needed">
      {all > answer.cells.length && <p className="jp-mlops-muted jp-mlops-small">{text._n('Leaves out %2 of %1 execution.', 'Leaves out %2 of %1 executions.', all, all - answer.cells.length)}</p>}
      {answer.incomplete && (
        <p className="jp-mlops-note jp-mlops-mod-warn">
          <Icon mark="warning" />
          <span>{text.__('Some of these cells ran before tracking. Restart the kernel and run it tracked to be sure.')}</span>
        </p>
      )}
      <ol className="jp-mlops-cells">
        {answer.cells.map(cell => (
          <li key={cell.n}>
            <button
              type="button"
              className="jp-mlops-cell"
              title={cell.because.length > 0 ? `${text.__('Needed: %1', cell.because.join('; '))}\n\n${cell.source}` : cell.source}
              onClick={() => void actions.reveal(cell.cell)}
            >
              <span className="jp-mlops-n">{cell.n}</span>
              <code className="jp-mlops-execution-line">{firstLine(cell.source)}</code>
            </button>
            <ToHistory cell={cell.cell} session={answer.session ?? ''} n={cell.n} />
          </li>
        ))}
      </ol>
    </div>
  );
}

export function CellsNeeded({ run, needed }: { run: string; needed: number }): React.JSX.Element {
  const text = useText();
  return (
    <Fold name={`cells:${run}`} label={<>{text.__('Cells needed')} <span className="jp-mlops-label-note">{needed > 0 ? needed : ''}</span></>} testid="mlops-show-cells">
      <List run={run} />
    </Fold>
  );
}
