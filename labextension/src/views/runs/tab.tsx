/** The Runs tab: a list where it is narrow, a table where there is room or where that is asked for. */

import * as React from 'react';

import { RunsModel } from '../../model/runs';
import { allColumns, defaultKeys, orderWords, type Column } from '../../model/runs-table';
import type { PanelState } from '../../model/state';
import { LookProblem, useActions, useFold } from '../parts';
import { useText } from '../text';
import { useTab, type View } from '../view';
import { useWidth } from './width';
import { ColumnChooser, Deleted, Everywhere, Modes, Search, SelectedBar } from './bar';
import { RunList } from './list';
import { ROOM, RunTable } from './table';
import { isBusy } from './running';
import { WordsProvider } from './words';

const TABLE = 'runs:table';
/** Pixels for the difference to the baseline beside a metric. */
const DELTA = 44;

/** The columns to show: by default those that tell runs apart, but for what the user has taken away or added. */
function useColumns(model: RunsModel, panel: PanelState): { shown: Column[]; chooser: React.ReactNode } {
  const actions = useActions();
  const state = useTab(model);
  const { sample, named } = state;
  const { folds } = panel;
  const pinned = state.rows.baseline !== null;
  const several = model.asked.experiment === '';
  const all = React.useMemo(() => allColumns(sample, named), [sample, named]);
  const shown = React.useMemo(() => {
    const byDefault = defaultKeys(sample, several);
    const found = all.filter(column => folds[`column:${column.key}`] ?? byDefault.has(column.key));
    return pinned ? found.map(column => (column.kind === 'metric' ? { ...column, width: column.width + DELTA } : column)) : found;
  }, [all, sample, several, folds, pinned]);
  const chooser = (
    <ColumnChooser
      all={all}
      shown={new Set(shown.map(column => column.key))}
      onOpen={() => model.findColumns()}
      onToggle={(key, on) => actions.fold(`column:${key}`, on)}
    />
  );
  return { shown, chooser };
}

function Nothing({ filter, tracked }: { filter: string; tracked: boolean }): React.JSX.Element {
  const text = useText();
  if (filter !== '') {
    return <p className="jp-mlops-nothing">{text.__('No run meets this. Empty the search to see all of them.')}</p>;
  }
  return (
    <p className="jp-mlops-nothing" data-testid="mlops-no-runs">
      {tracked
        ? text.__('No runs yet. Each fit and each metric of a tracked notebook makes one.')
        : text.__('No runs yet. Track a notebook: each fit and each metric makes one.')}
    </p>
  );
}

function Loading(): React.JSX.Element {
  const text = useText();
  return (
    <div className="jp-mlops-skeleton" role="status">
      <span className="jp-mlops-hidden">{text.__('Loading runs…')}</span>
      {[0, 1, 2, 3].map(one => <span key={one} aria-hidden="true" />)}
    </div>
  );
}

function RunsTab({ model, panel }: { model: RunsModel; panel: PanelState }): React.JSX.Element {
  const state = useTab(model);
  const [box, width] = useWidth();
  const actions = useActions();
  const [table] = useFold(TABLE, width >= ROOM);
  const { shown, chooser } = useColumns(model, panel);
  React.useEffect(() => {
    if (width > 0) {
      model.showTable(table);
    }
  }, [model, table, width]);
  const total = state.table ? (Object.keys(state.rows.pages).length > 0 ? state.rows.total : null) : (state.overview?.total ?? null);
  // Without a run there is nothing to search, to draw or to choose columns of.
  const blank = total === 0 && state.filter === '' && state.undo === null;
  return (
    <WordsProvider value={model}>
      <div className="jp-mlops-runs-tab" ref={box} data-testid="mlops-runs-tab" data-mode={state.table ? 'table' : 'list'}>
        {blank ? <div className="jp-mlops-modes"><Everywhere model={model} state={state} /></div> : (
          <>
            <Search model={model} state={state} total={total} />
            <Modes model={model} state={state} onTable={on => actions.fold(TABLE, on)} columns={chooser} />
          </>
        )}
        <Deleted model={model} state={state} />
        <LookProblem problem={state.problem} onAgain={() => model.refresh(0)} />
        {total === null && state.loading && <Loading />}
        {total === 0 && <Nothing filter={state.filter} tracked={panel.phase === 'tracked'} />}
        {total !== null && total > 0 && (state.table ? (
          <>
            <SelectedBar model={model} state={state} />
            <RunTable about={`${model.asked.experiment} ${state.filter} ${orderWords(state.rows.order)}`} model={model} state={state} columns={shown} room={width} busy={session => isBusy(panel, session)} />
          </>
        ) : <RunList model={model} state={state} panel={panel} />)}
      </div>
    </WordsProvider>
  );
}

export const runsView: View = {
  id: 'runs',
  tab: text => text.__('Runs'),
  open: around => {
    const model = new RunsModel(around);
    return { model, draw: ({ panel }) => <RunsTab model={model} panel={panel} /> };
  }
};
