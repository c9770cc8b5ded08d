/** The whole panel: a header, what is missing if something is, and the lists. Converting takes the panel's place while it lasts. */

import * as React from 'react';

import type { Actions } from '../actions';
import type { Run } from '../api/schema';
import { count } from '../format';
import type { PanelState } from '../state';
import { Convert } from './convert';
import { Header } from './header';
import { Jobs } from './jobs';
import { ActionsProvider, FoldsProvider, ProblemNote, Section, useActions, useSettled } from './parts';
import { MismatchNote, NoMetric, Place } from './places';
import { Runs } from './runs';
import { Executions } from './session';

/** Milliseconds without a running cell after which a session counts as quiet. */
const REST = 1500;

interface ListsProps {
  state: PanelState;
  made: string;
  onConvert: (run: Run) => void;
}

function Lists({ state, made, onConvert }: ListsProps): React.JSX.Element {
  const rows = state.live?.executions ?? [];
  const tracked = state.phase === 'tracked';
  const running = rows.some(row => row.state === 'running');
  const floats = state.live?.floats ?? [];
  const metricSeen = state.runs.some(run => (run.metrics ?? []).length > 0);
  // Between two cells of Run All nothing runs for a moment.
  const noMetric = useSettled(tracked && floats.length > 0 && !running && !metricSeen, REST);
  const stale = new Map(tracked ? state.stale.map(cell => [cell.n ?? 0, cell.reason]) : []);
  const staleRows = rows.filter(row => stale.has(row.n)).length;
  const note = [rows.length > 0 ? count(rows.length, 'execution') : '', staleRows > 0 ? `${staleRows} stale` : ''];
  return (
    <>
      {(tracked || rows.length > 0) && (
        <Section title={tracked ? 'Session' : 'Last session'} fold="Session" note={note.filter(part => part !== '').join(' · ')}>
          {tracked && state.trackAnswer?.ok === true && state.trackAnswer.text !== '' && rows.length === 0 && (
            <pre className="jp-mlops-printed jp-mlops-section-printed">{state.trackAnswer.text}</pre>
          )}
          <Executions rows={rows} stale={stale} />
        </Section>
      )}
      {(state.runs.length > 0 || noMetric) && (
        <Section title="Runs" fold="Runs" note={state.runs.length > 0 ? String(state.runs.length) : ''}>
          {noMetric && <NoMetric floats={floats} />}
          {state.runs.length > 0 && (
            <Runs
              runs={state.runs}
              tasks={state.tasks}
              session={state.live?.session?.id ?? ''}
              running={running}
              onConvert={onConvert}
            />
          )}
        </Section>
      )}
      {state.jobs.length > 0 && (
        <Section title="Jobs" fold="Jobs" note={String(state.jobs.length)}>
          <Jobs jobs={state.jobs} tasks={state.tasks} made={made} />
        </Section>
      )}
    </>
  );
}

function focusOn(lists: HTMLElement | null, run: Run): void {
  const items = [...(lists?.querySelectorAll<HTMLElement>('[data-run]') ?? [])];
  const item = items.find(element => element.dataset.run === run.id);
  item?.querySelector<HTMLElement>('[data-testid="mlops-convert"]')?.focus();
}

/** What the user is looking at; belongs to one notebook and starts anew with another. */
function Notebook({ state }: { state: PanelState }): React.JSX.Element {
  const [converting, setConverting] = React.useState<Run | null>(null);
  const [made, setMade] = React.useState('');
  const actions = useActions();
  const lists = React.useRef<HTMLDivElement>(null);
  const convert = (run: Run): void => {
    setConverting(run);
    actions.fold(`run:${run.id}`, true);
  };
  const back = (run: Run): void => {
    setConverting(null);
    // The lists are there again after the next drawing; the focus goes back to where it came from.
    requestAnimationFrame(() => focusOn(lists.current, run));
  };
  const showJob = (folder: string): void => {
    setConverting(null);
    setMade(folder);
    actions.fold(`job:${folder}`, true);
    actions.fold('section:Jobs', true);
  };
  return (
    <>
      <MismatchNote versions={state.mismatch} command={state.installCommand} />
      <ProblemNote problem={state.problem} />
      <div ref={lists}>
        {converting ? (
          <Convert run={converting} path={state.path} tasks={state.tasks} onBack={() => back(converting)} onJob={showJob} />
        ) : (
          <>
            <Place state={state} />
            <Lists state={state} made={made} onConvert={convert} />
          </>
        )}
      </div>
    </>
  );
}

export function Panel({ state, actions }: { state: PanelState; actions: Actions }): React.JSX.Element {
  return (
    <ActionsProvider value={actions}>
      <div className="jp-mlops" role="region" aria-label="MLOps" data-testid="mlops-panel" data-phase={state.phase}>
        <FoldsProvider value={state.folds}>
          <Header state={state} />
          <Notebook key={state.path} state={state} />
        </FoldsProvider>
      </div>
    </ActionsProvider>
  );
}
