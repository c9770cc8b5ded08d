/** The runs as a list: the best, the starred, the newest as cards; the rest folded by day. */

import * as React from 'react';

import type { Overview, Run, RunDay } from '../../api/schema';
import { number } from '../../model/format';
import { numeric } from '../../model/runs-table';
import type { RunsModel, RunsState } from '../../model/runs';
import type { PanelState } from '../../model/state';
import { Icon } from '../icons';
import { Button, ProblemNote, Section, useAttempt } from '../parts';
import { useText } from '../text';
import { RunCards } from './cards';
import { isRunning } from './running';

interface ListProps {
  model: RunsModel;
  state: RunsState;
  panel: PanelState;
}

function Cards({ runs, panel, label, place, unfolded = false, named }: {
  runs: readonly Run[];
  panel: PanelState;
  label: string;
  place: string;
  unfolded?: boolean;
  named: boolean;
}): React.JSX.Element {
  return <RunCards runs={runs} state={panel} running={isRunning(panel)} label={label} place={place} unfolded={unfolded} named={named} />;
}

function Best({ overview, panel, named }: { overview: Overview; panel: PanelState; named: boolean }): React.JSX.Element | null {
  const text = useText();
  const { best } = overview;
  if (best === null || overview.total < 2) {
    return null;
  }
  const metric = (best.run.metrics ?? []).find(one => one.name === best.metric);
  const way = best.least ? text.__('Lowest %1', best.metric) : text.__('Highest %1', best.metric);
  const why = best.goal ? text.__('%1, the goal’s metric', way) : text.__('%1, the metric that most of the newest runs have', way);
  return (
    <Section title={text.__('Best')} fold="runs:best" note={`${best.metric} ${metric ? number(numeric(metric.value)) : ''}`}>
      <p className="jp-mlops-list-note">{why}</p>
      <Cards runs={[best.run]} panel={panel} label={text.__('The best run')} place="best:" named={named} />
    </Section>
  );
}

/** A day as the user would say it. */
function dayName(day: string): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const said = new Date(year, month - 1, date);
  const thisYear = new Date().getFullYear() === year;
  return said.toLocaleDateString(undefined, { weekday: 'short', day: 'numeric', month: 'short', ...(thisYear ? {} : { year: 'numeric' }) });
}

function DayFold({ day, runs, model, panel }: { day: RunDay; runs: readonly Run[] | undefined; model: RunsModel; panel: PanelState }): React.JSX.Element {
  const text = useText();
  const id = React.useId();
  const [problem, attempt, busy] = useAttempt();
  const open = runs !== undefined;
  return (
    <li className="jp-mlops-day">
      <button type="button" className="jp-mlops-day-title" data-testid="mlops-day" aria-expanded={open} aria-controls={id} disabled={busy} onClick={() => attempt(() => model.unfold(day.day))}>
        <Icon mark="caret" className={open ? 'jp-mlops-mod-open' : ''} />
        <span>{dayName(day.day)}</span>
        <span className="jp-mlops-section-note">{text._n('%1 run', '%1 runs', day.runs)}</span>
      </button>
      <div id={id} hidden={!open}>
        <ProblemNote problem={problem} />
        {runs && <Cards runs={runs} panel={panel} label={text.__('Runs of %1', dayName(day.day))} place="" named={model.asked.experiment === ''} />}
        {runs && runs.length < day.runs && (
          <div className="jp-mlops-more">
            <Button kind="quiet" disabled={busy} onClick={() => attempt(() => model.unfold(day.day, true))}>{text.__('More of %1', dayName(day.day))}</Button>
          </div>
        )}
      </div>
    </li>
  );
}

export function RunList({ model, state, panel }: ListProps): React.JSX.Element | null {
  const text = useText();
  const { overview } = state;
  const named = model.asked.experiment === '';
  if (overview === null) {
    return null;
  }
  return (
    <div className="jp-mlops-run-list">
      <Best overview={overview} panel={panel} named={named} />
      {overview.starred.length > 0 && (
        <Section title={text.__('Starred')} fold="runs:starred" note={String(overview.starred.length)}>
          <Cards runs={overview.starred} panel={panel} label={text.__('Starred runs')} place="star:" named={named} />
        </Section>
      )}
      <Section title={text.__('Newest')} fold="runs:newest" note={text.__('%1 of %2', overview.newest.length, overview.total.toLocaleString('en'))}>
        <Cards runs={overview.newest} panel={panel} label={text.__('Newest runs')} place="" unfolded named={named} />
      </Section>
      {overview.days.length > 0 && (
        <Section title={text.__('Earlier')} fold="runs:earlier" note={text._n('%1 day', '%1 days', overview.days.length)}>
          <ol aria-label={text.__('Earlier runs by day')}>
            {overview.days.map(day => <DayFold key={day.day} day={day} runs={state.days[day.day]} model={model} panel={panel} />)}
          </ol>
        </Section>
      )}
    </div>
  );
}
