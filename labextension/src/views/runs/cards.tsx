/** Runs as cards. The first stands open where that is asked for; any other opens with a press. */

import * as React from 'react';

import type { Run, Task } from '../../api/schema';
import { mainMetrics, modelClasses, runTitle, verdictOf, when } from '../../model/format';
import { stoppedByEffects, taskOf, type PanelState } from '../../model/state';
import { CellsNeeded } from '../cells';
import { Icon, Spinner } from '../icons';
import { Breakable, Button, Chip, ProblemNote, TaskProgress, useActions, useAttempt, useFold } from '../parts';
import { Datasets, MetricLine, Metrics, Params } from '../values';
import { Verdict, VerdictResults } from '../verdict';
import { useText } from '../text';
import { useRunWords, Words } from './words';

const LINE_METRICS = 3;

interface RunsProps {
  runs: readonly Run[];
  /** What the list is called; by default by what it holds. */
  label?: string;
  /** Whether the first stands open until the user says otherwise. */
  unfolded?: boolean;
  /** Whether each says its experiment: they are of several. */
  named?: boolean;
  /** Under which its folds are remembered: a run may stand in several lists. */
  place?: string;
  tasks: readonly Task[];
  /** Id of the session shown above, and whether a cell of it is running. */
  session: string;
  running: boolean;
}

/** How the run stands. A run stays open for what may still come; it turns only while something runs. */
function RunState({ run, busy }: { run: Run; busy: boolean }): React.JSX.Element | null {
  const text = useText();
  switch (run.state) {
    case 'open':
      return busy ? (
        <span className="jp-mlops-running" title={text.__('Running')}>
          <Spinner />
          <span className="jp-mlops-hidden">{text.__('running')}</span>
        </span>
      ) : null;
    case 'failed':
      return <Chip mark="cross" tone="bad">{text.__('failed')}</Chip>;
    case 'interrupted':
      return <Chip mark="minus" tone="fair">{text.__('interrupted')}</Chip>;
    case 'finished':
      return null;
  }
}

export function Badges({ run, busy }: { run: Run; busy: boolean }): React.JSX.Element {
  const text = useText();
  const verdict = verdictOf(run);
  const isJob = (run.origin?.job ?? '') !== '';
  return (
    <span className="jp-mlops-badges">
      {run.starred === true && <span className="jp-mlops-starred" title={text.__('Starred')}><Icon mark="star" /><span className="jp-mlops-hidden">{text.__('starred')}</span></span>}
      {run.baseline === true && <Chip mark="pin" tone="plain" title={text.__('Others are compared with it')}>{text.__('baseline')}</Chip>}
      <RunState run={run} busy={busy} />
      {isJob && <Chip tone="plain" title={text.__('Made by a job')}>{text.__('job')}</Chip>}
      {(run.goal ?? '') !== '' && (
        <Chip mark="target" tone={run.goal === 'met' ? 'good' : 'fair'} title={text.__('The goal of the experiment')}>{run.goal === 'met' ? text.__('goal met') : text.__('goal missed')}</Chip>
      )}
      {(verdict !== 'unverified' || !isJob) && <Verdict verdict={verdict} title={run.verification?.detail ?? ''} />}
    </span>
  );
}

/** The time; the model class, unless the title already ends with it. */
export function subtitle(run: Run): string {
  const classes = modelClasses(run);
  return [when(run.started), runTitle(run).endsWith(classes) ? '' : classes].filter(part => part !== '').join(' · ');
}

export function Details({ run, tasks }: { run: Run; tasks: readonly Task[] }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [problem, attempt, busy] = useAttempt();
  const task = taskOf(tasks, 'verify', run.id);
  const working = busy || task?.state === 'running';
  const number = run.number ?? 0;
  return (
    <div className="jp-mlops-details">
      {(run.error ?? '') !== '' && <p className="jp-mlops-execution-error jp-mlops-wrap">{run.error}</p>}
      <div className="jp-mlops-buttons">
        <Button testid="mlops-verify" label={text.__('Verify run %1: run its cells again in a clean kernel and compare', number)} disabled={working} onClick={() => attempt(() => actions.verify(run.id, false))}>
          {text.__('Verify')}
        </Button>
        <Button testid="mlops-convert" leads={`convert:${run.id}`} label={text.__('Convert run %1 to a job', number)} onClick={() => actions.show('convert', run.id)}>
          {text.__('Convert to job…')}
        </Button>
      </div>
      <Words run={run} />
      <ProblemNote problem={problem} />
      <TaskProgress task={task} />
      {stoppedByEffects(task) && (
        <div className="jp-mlops-buttons">
          <Button onClick={() => attempt(() => actions.verify(run.id, true))}>{text.__('Verify anyway, effects included')}</Button>
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

function Tags({ tags }: { tags: Readonly<Record<string, string>> }): React.JSX.Element | null {
  const names = Object.entries(tags);
  return names.length === 0 ? null : (
    <span className="jp-mlops-tags">
      {names.map(([name, value]) => <Chip key={name} tone="plain">{value === '' ? name : `${name}=${value}`}</Chip>)}
    </span>
  );
}

function Card(props: RunsProps & { run: Run; newest: boolean }): React.JSX.Element {
  const { run, newest } = props;
  const [open, toggle] = useFold(`run:${props.place ?? ''}${run.id}`, newest);
  const id = React.useId();
  const words = useRunWords();
  const text = useText();
  return (
    <li className="jp-mlops-run" data-testid="mlops-run" data-run={run.id} data-state={run.state}>
      <button type="button" className="jp-mlops-run-title" aria-expanded={open} aria-controls={id} onClick={toggle}>
        <Icon mark="caret" className={open ? 'jp-mlops-mod-open' : ''} />
        <span className="jp-mlops-run-head">
          <span className="jp-mlops-run-name">
            {(run.number ?? 0) > 0 && <span className="jp-mlops-run-number">{`#${run.number}`}</span>}
            <Title text={runTitle(run) || ((run.number ?? 0) > 0 ? '' : text.__('run'))} />
          </span>
          <Badges run={run} busy={props.running || run.session !== props.session} />
        </span>
        <span className="jp-mlops-run-sub">{props.named === true ? `${run.experiment} · ${subtitle(run)}` : subtitle(run)}</span>
        {words && <Tags tags={run.tags ?? {}} />}
        <MetricLine metrics={mainMetrics(run).slice(0, LINE_METRICS)} />
      </button>
      <div id={id} hidden={!open}>
        {open && <Details run={run} tasks={props.tasks} />}
      </div>
    </li>
  );
}

function Runs(props: RunsProps): React.JSX.Element {
  const text = useText();
  return (
    <ol className="jp-mlops-runs" data-testid="mlops-runs" aria-label={props.label ?? text.__('Runs, newest first')}>
      {props.runs.map((run, i) => (
        <Card key={run.id} {...props} run={run} newest={i === 0 && props.unfolded !== false} />
      ))}
    </ol>
  );
}

interface CardsProps {
  runs: readonly Run[];
  state: PanelState;
  running: boolean;
  label?: string;
  unfolded?: boolean;
  named?: boolean;
  place?: string;
}

/** Runs as cards, seen from the notebook that the panel is about. */
export function RunCards({ state, ...props }: CardsProps): React.JSX.Element {
  return <Runs {...props} tasks={state.tasks} session={state.live?.session?.id ?? ''} />;
}
