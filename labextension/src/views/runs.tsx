/** The runs, newest first. The newest stands open; any other opens with a press. */

import * as React from 'react';

import type { Run, Task } from '../api/schema';
import { mainMetrics, modelClasses, runTitle, verdictOf, when } from '../model/format';
import { stoppedByEffects, taskOf, type PanelState } from '../model/state';
import { CellsNeeded } from './cells';
import { Icon, Spinner } from './icons';
import { Breakable, Button, Chip, ProblemNote, TaskProgress, useActions, useAttempt, useFold } from './parts';
import { Datasets, MetricLine, Metrics, Params } from './values';
import { Verdict, VerdictResults } from './verdict';
import type { View } from './view';

const LINE_METRICS = 3;

interface RunsProps {
  runs: readonly Run[];
  tasks: readonly Task[];
  /** Id of the session shown above, and whether a cell of it is running. */
  session: string;
  running: boolean;
}

/** How the run stands. A run stays open for what may still come; it turns only while something runs. */
function RunState({ run, busy }: { run: Run; busy: boolean }): React.JSX.Element | null {
  switch (run.state) {
    case 'open':
      return busy ? (
        <span className="jp-mlops-running" title="Running">
          <Spinner />
          <span className="jp-mlops-hidden">running</span>
        </span>
      ) : null;
    case 'failed':
      return <Chip mark="cross" tone="bad">failed</Chip>;
    case 'interrupted':
      return <Chip mark="minus" tone="fair">interrupted</Chip>;
    case 'finished':
      return null;
  }
}

function Badges({ run, busy }: { run: Run; busy: boolean }): React.JSX.Element {
  const verdict = verdictOf(run);
  const isJob = (run.origin?.job ?? '') !== '';
  return (
    <span className="jp-mlops-badges">
      <RunState run={run} busy={busy} />
      {isJob && <Chip tone="plain" title="Made by a job">job</Chip>}
      {(run.goal ?? '') !== '' && (
        <Chip mark="target" tone={run.goal === 'met' ? 'good' : 'fair'} title="The experiment's goal">{`goal ${run.goal}`}</Chip>
      )}
      {(verdict !== 'unverified' || !isJob) && <Verdict verdict={verdict} title={run.verification?.detail ?? ''} />}
    </span>
  );
}

/** The time; the model class, unless the title already ends with it. */
function subtitle(run: Run): string {
  const classes = modelClasses(run);
  return [when(run.started), runTitle(run).endsWith(classes) ? '' : classes].filter(part => part !== '').join(' · ');
}

function Details({ run, tasks }: RunsProps & { run: Run }): React.JSX.Element {
  const actions = useActions();
  const [problem, attempt, busy] = useAttempt();
  const task = taskOf(tasks, 'verify', run.id);
  const working = busy || task?.state === 'running';
  const title = `run ${run.number ?? ''}`;
  return (
    <div className="jp-mlops-details">
      {(run.error ?? '') !== '' && <p className="jp-mlops-execution-error jp-mlops-wrap">{run.error}</p>}
      <div className="jp-mlops-buttons">
        <Button testid="mlops-verify" label={`Verify ${title}: run its cells again in a clean kernel and compare`} disabled={working} onClick={() => attempt(() => actions.verify(run.id, false))}>
          Verify
        </Button>
        <Button testid="mlops-convert" leads={`convert:${run.id}`} label={`Convert ${title} to a job`} onClick={() => actions.show('convert', run.id)}>
          Convert to job…
        </Button>
      </div>
      <ProblemNote problem={problem} />
      <TaskProgress task={task} />
      {stoppedByEffects(task) && (
        <div className="jp-mlops-buttons">
          <Button onClick={() => attempt(() => actions.verify(run.id, true))}>Verify anyway, effects included</Button>
        </div>
      )}
      {run.verification && verdictOf(run) !== 'unverified' && <VerdictResults verification={run.verification} />}
      <Metrics run={run} headline={LINE_METRICS} />
      <Params params={run.params ?? []} />
      <Datasets datasets={run.datasets ?? []} />
      <CellsNeeded run={run.id} needed={(run.cells ?? []).length} />
    </div>
  );
}

/** A title in up to two lines, which breaks where a name ends. */
function Title({ text }: { text: string }): React.JSX.Element {
  return (
    <strong title={text}><Breakable text={text} /></strong>
  );
}

function Card(props: RunsProps & { run: Run; newest: boolean }): React.JSX.Element {
  const { run, newest } = props;
  const [open, toggle] = useFold(`run:${run.id}`, newest);
  const id = React.useId();
  return (
    <li className="jp-mlops-run" data-testid="mlops-run" data-run={run.id} data-state={run.state}>
      <button type="button" className="jp-mlops-run-title" aria-expanded={open} aria-controls={id} onClick={toggle}>
        <Icon mark="caret" className={open ? 'jp-mlops-mod-open' : ''} />
        <span className="jp-mlops-run-head">
          <span className="jp-mlops-run-name">
            {(run.number ?? 0) > 0 && <span className="jp-mlops-run-number">{`#${run.number}`}</span>}
            <Title text={runTitle(run)} />
          </span>
          <Badges run={run} busy={props.running || run.session !== props.session} />
        </span>
        <span className="jp-mlops-run-sub">{subtitle(run)}</span>
        <MetricLine metrics={mainMetrics(run).slice(0, LINE_METRICS)} />
      </button>
      <div id={id} hidden={!open}>
        {open && <Details {...props} />}
      </div>
    </li>
  );
}

function Runs(props: RunsProps): React.JSX.Element {
  return (
    <ol className="jp-mlops-runs" data-testid="mlops-runs" aria-label="Runs, newest first">
      {props.runs.map((run, i) => (
        <Card key={run.id} {...props} run={run} newest={i === 0} />
      ))}
    </ol>
  );
}

/** Runs as cards of the notebook that the panel is about. */
export function RunCards({ runs, state, running }: { runs: readonly Run[]; state: PanelState; running: boolean }): React.JSX.Element {
  return <Runs runs={runs} tasks={state.tasks} session={state.live?.session?.id ?? ''} running={running} />;
}

function RunsTab({ panel }: { panel: PanelState }): React.JSX.Element {
  if (panel.runs.length === 0) {
    return <p className="jp-mlops-nothing">No runs yet. Each fit and each metric of a tracked notebook makes one.</p>;
  }
  return <RunCards runs={panel.runs} state={panel} running={(panel.live?.executions ?? []).some(row => row.state === 'running')} />;
}

export const runsView: View = {
  id: 'runs',
  tab: 'Runs',
  open: () => ({ model: null, draw: ({ panel }) => <RunsTab panel={panel} /> })
};
