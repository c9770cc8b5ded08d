/** The sweeps of a job, each a line that leads to its table. */

import * as React from 'react';

import type { SweepTable } from '../../api/schema';
import { progressOf } from '../../model/sweep';
import { moment } from '../../model/spans';
import { Spinner } from '../icons';
import { useActions } from '../parts';
import { useText } from '../text';

export function SweepList({ folder, sweeps }: { folder: string; sweeps: readonly SweepTable[] }): React.JSX.Element | null {
  const actions = useActions();
  const text = useText();
  if (sweeps.length === 0) {
    return null;
  }
  return (
    <div className="jp-mlops-block">
      <h3 className="jp-mlops-label">{text.__('Sweeps')} <span className="jp-mlops-label-note">{sweeps.length}</span></h3>
      <ul data-testid="mlops-sweeps">
        {sweeps.map(sweep => {
          const { ended, succeeded } = progressOf(sweep);
          return (
            <li key={sweep.id}>
              <button type="button" className="jp-mlops-line" data-leads={`sweep:${folder}`} onClick={() => actions.show('sweep', folder, sweep.id)}>
                <span className="jp-mlops-line-main">{sweep.varied.join(' × ') || text.__('one point')}</span>
                {ended < sweep.total && sweep.states.running !== undefined && <Spinner />}
                <span className="jp-mlops-figure">{ended < sweep.total ? text.__('%1 of %2', ended, sweep.total) : text.__('%1 of %2 succeeded', succeeded, sweep.total)}</span>
                <span className="jp-mlops-figure jp-mlops-muted">{moment(sweep.created)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
