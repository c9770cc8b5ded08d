/** The page of charts: courses of metrics, params against metrics, and runs through params to a metric. */

import * as React from 'react';

import { ALL, ChartsModel, EVERYWHERE, MOST_CURVES } from '../../model/runs-charts';
import { dimensions } from '../../model/runs-plots';
import type { Place } from '../../model/trail';
import { LookProblem, Page, Section, Waiting } from '../parts';
import { useText } from '../text';
import { useTab, type View } from '../view';
import { Curves } from './curves';
import { Parallel } from './parallel';
import { Scatter } from './scatter';
import { useWidth } from './width';

const LEAST = 200;

function ChartsPage({ model, place }: { model: ChartsModel; place: Place }): React.JSX.Element {
  const text = useText();
  const state = useTab(model);
  const [box, measured] = useWidth();
  const width = Math.max(LEAST, measured);
  React.useEffect(() => model.draw(place.subject, place.other), [model, place.subject, place.other]);
  const { metrics, params } = React.useMemo(() => dimensions(state.lines), [state.lines]);
  const here = state.of === `${place.subject} ${place.other}`;
  const title = place.subject === ALL ? text.__('Charts') : place.subject === EVERYWHERE ? text.__('Charts of all experiments') : text._n('Charts of %1 run', 'Charts of %1 runs', place.subject.split(',').length);
  return (
    <Page title={title} about={place.other}>
      <div className="jp-mlops-charts" ref={box} data-testid="mlops-charts-page">
        <LookProblem problem={state.problem} onAgain={() => model.refresh(0)} />
        {state.loading && !here && <Waiting>{text.__('Loading runs…')}</Waiting>}
        {here && state.total > state.lines.length && (
          <p className="jp-mlops-note" role="note">{text.__('Drawn are the newest %1 of %2 runs. Search or select to see others.', state.lines.length.toLocaleString('en'), state.total.toLocaleString('en'))}</p>
        )}
        {here && metrics.length === 0 && <p className="jp-mlops-muted">{text.__('These runs have no metric to draw.')}</p>}
        {here && state.curves.length > 0 && (
          <Section title={text.__('Metrics over steps')} fold="charts:curves" note={state.lines.length > MOST_CURVES ? text.__('newest %1 runs', MOST_CURVES) : ''}>
            <Curves curves={state.curves} width={width} />
          </Section>
        )}
        {here && metrics.length > 0 && (
          <>
            <Section title={text.__('Runs as points')} fold="charts:scatter"><Scatter lines={state.lines} metrics={metrics} params={params} width={width} /></Section>
            {params.length > 0 && <Section title={text.__('Params to metric')} fold="charts:parallel"><Parallel lines={state.lines} metrics={metrics} params={params} width={width} /></Section>}
          </>
        )}
      </div>
    </Page>
  );
}

export const chartsView: View = {
  id: 'charts',
  tab: null,
  open: around => {
    const model = new ChartsModel(around);
    return { model, draw: ({ place }) => <ChartsPage model={model} place={place} /> };
  }
};
