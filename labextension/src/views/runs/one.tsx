/** The page of one run: everything that its card shows, and what can be said of it. */

import * as React from 'react';

import { OneRunModel } from '../../model/runs-compare';
import { mainMetrics } from '../../model/format';
import type { PanelState } from '../../model/state';
import type { Place } from '../../model/trail';
import { Button, LookProblem, Page, ProblemNote, Waiting, useAttempt } from '../parts';
import { useText } from '../text';
import { MetricLine } from '../values';
import { useTab, type View } from '../view';
import { Badges, Details, subtitle } from './cards';
import { isBusy } from './running';
import { nameOf, WordsProvider } from './words';

function RunPage({ model, place, panel }: { model: OneRunModel; place: Place; panel: PanelState }): React.JSX.Element {
  const text = useText();
  const { run: held, problem, loading } = useTab(model);
  const [failed, attempt, busy] = useAttempt();
  React.useEffect(() => model.open(place.subject), [model, place.subject]);
  const run = held?.id === place.subject ? held : null;
  return (
    <Page title={run ? nameOf(run) : text.__('Run')}>
      <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
      <ProblemNote problem={failed} />
      {!run && loading && <Waiting>{text.__('Loading the run…')}</Waiting>}
      {run && (
        <WordsProvider value={model}>
          {run.deleted === true && (
            <p className="jp-mlops-note" role="status">
              <span>{text.__('This run is deleted.')}</span>
              <Button testid="mlops-undo" disabled={busy} onClick={() => attempt(() => model.restore(run.id))}>{text.__('Undo')}</Button>
            </p>
          )}
          <div className="jp-mlops-one" data-testid="mlops-run-page">
            <div className="jp-mlops-run-head"><Badges run={run} busy={isBusy(panel, run.session)} /></div>
            <p className="jp-mlops-run-sub">{[run.experiment, subtitle(run)].join(' · ')}</p>
            <MetricLine metrics={mainMetrics(run)} />
          </div>
          <Details run={run} tasks={panel.tasks} />
        </WordsProvider>
      )}
    </Page>
  );
}

export const runView: View = {
  id: 'run',
  tab: null,
  open: around => {
    const model = new OneRunModel(around);
    return { model, draw: ({ place, panel }) => <RunPage model={model} place={place} panel={panel} /> };
  }
};
