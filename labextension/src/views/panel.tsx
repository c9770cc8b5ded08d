/** The whole panel: a header, what is missing if something is, and the lists. Converting takes the panel's place while it lasts. */

import * as React from 'react';

import type { Actions } from '../actions';
import type { Run } from '../api/schema';
import { count } from '../format';
import type { PanelState } from '../state';
import { Convert } from './convert';
import { Header } from './header';
import { Jobs } from './jobs';
import { ActionsProvider, ProblemNote, Section } from './parts';
import { MismatchNote, NoMetric, Place } from './places';
import { Runs } from './runs';
import { Executions } from './session';

interface ListsProps {
  state: PanelState;
  job: string;
  onJob: (folder: string) => void;
  onConvert: (run: Run) => void;
  opened: Readonly<Record<string, boolean>>;
  onOpen: (id: string, open: boolean) => void;
}

function Lists({ state, job, onJob, onConvert, opened, onOpen }: ListsProps): React.JSX.Element {
  const rows = state.live?.executions ?? [];
  const tracked = state.phase === 'tracked';
  const noMetric = tracked && rows.length > 0 && !state.runs.some(run => (run.metrics ?? []).length > 0);
  return (
    <>
      {(tracked || rows.length > 0) && (
        <Section title={tracked ? 'Session' : 'Last session'} note={rows.length > 0 ? count(rows.length, 'execution') : ''}>
          {tracked && state.trackAnswer?.ok === true && state.trackAnswer.text !== '' && rows.length === 0 && (
            <pre className="jp-mlops-printed jp-mlops-section-printed">{state.trackAnswer.text}</pre>
          )}
          <Executions rows={rows} />
        </Section>
      )}
      {(state.runs.length > 0 || noMetric) && (
        <Section title="Runs" note={state.runs.length > 0 ? String(state.runs.length) : ''}>
          {noMetric && <NoMetric floats={state.live?.floats ?? []} />}
          {state.runs.length > 0 && <Runs runs={state.runs} tasks={state.tasks} session={state.live?.session?.id ?? ''} executions={rows.length} running={rows.some(row => row.state === 'running')} onConvert={onConvert} opened={opened} onOpen={onOpen} />}
        </Section>
      )}
      {state.jobs.length > 0 && (
        <Section title="Jobs" note={String(state.jobs.length)}>
          <Jobs jobs={state.jobs} tasks={state.tasks} open={job} onOpen={onJob} />
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
  const [job, setJob] = React.useState('');
  const [opened, setOpened] = React.useState<Readonly<Record<string, boolean>>>({});
  const lists = React.useRef<HTMLDivElement>(null);
  const convert = (run: Run): void => {
    setConverting(run);
    setOpened({ ...opened, [run.id]: true });
  };
  const back = (run: Run): void => {
    setConverting(null);
    // The lists are there again after the next drawing; the focus goes back to where it came from.
    requestAnimationFrame(() => focusOn(lists.current, run));
  };
  const showJob = (folder: string): void => {
    setConverting(null);
    setJob(folder);
  };
  return (
    <>
      <MismatchNote versions={state.mismatch} />
      <ProblemNote problem={state.problem} />
      <div ref={lists}>
        {converting ? (
          <Convert run={converting} path={state.path} tasks={state.tasks} onBack={() => back(converting)} onJob={showJob} />
        ) : (
          <>
            <Place state={state} />
            <Lists
              state={state}
              job={job}
              onJob={setJob}
              onConvert={convert}
              opened={opened}
              onOpen={(id, open) => setOpened({ ...opened, [id]: open })}
            />
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
        <Header state={state} />
        <Notebook key={state.path} state={state} />
      </div>
    </ActionsProvider>
  );
}
