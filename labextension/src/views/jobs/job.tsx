/** One job of this notebook: its parameters and inputs, and three ways to start it: here, on a runner, many times. */

import * as React from 'react';

import type { JobEntry, JobManifest, SweepTable, Task } from '../../api/schema';
import type { JobsModel } from '../../model/jobs';
import { taskOf } from '../../model/state';
import { Icon } from '../icons';
import { Button, Chip, InSight, ProblemNote, TaskProgress, useActions, useAttempt, useFold } from '../parts';
import { useText } from '../text';
import { Verdict } from '../verdict';
import { Ended, Resume } from './ended';
import { InputField, ParameterField, useValues, type Given } from './fields';
import { lacking, NO_ORDER, Ordering, useRunners } from './submit';
import { SweepFields, useAxes } from './sweepform';
import { SweepList } from './sweeplist';

export type Way = 'here' | 'runner' | 'sweep';

interface JobProps {
  job: JobEntry;
  tasks: readonly Task[];
  model: JobsModel;
  sweeps: readonly SweepTable[];
  /** Folder of the job that was just made: shown, and brought into sight. */
  made: string;
}

/** What is given to a job, whichever way it is started. */
interface Filled {
  parameters: Given;
  inputs: Record<string, string>;
}

function useInputs(): [Record<string, string>, (name: string, path: string) => void, () => Record<string, string>] {
  const [paths, setPaths] = React.useState<Record<string, string>>({});
  const set = (name: string, path: string): void => setPaths(before => ({ ...before, [name]: path }));
  return [paths, set, () => Object.fromEntries(Object.entries(paths).filter(([, path]) => path.trim() !== ''))];
}

function Ways({ way, onWay }: { way: Way; onWay: (way: Way) => void }): React.JSX.Element {
  const text = useText();
  const words: Record<Way, string> = { here: text.__('Run here'), runner: text.__('On a runner'), sweep: text.__('Sweep') };
  return (
    <div className="jp-mlops-ways" role="group" aria-label={text.__('How to start it')}>
      {(Object.keys(words) as Way[]).map(one => (
        <button key={one} type="button" aria-pressed={one === way} data-way={one} onClick={() => onWay(one)}>{words[one]}</button>
      ))}
    </div>
  );
}

function Submit({ children, disabled, testid }: { children: React.ReactNode; disabled: boolean; testid: string }): React.JSX.Element {
  return (
    <button type="submit" className="jp-mlops-button jp-mlops-mod-primary jp-Button jp-mod-styled jp-mod-accept" data-testid={testid} disabled={disabled}>
      {children}
    </button>
  );
}

/** What the form does when it is sent: the way that is chosen says it. */
type Begin = React.MutableRefObject<() => void>;

function useBegin(begin: Begin, work: () => void): void {
  React.useEffect(() => {
    begin.current = work;
  });
}

/** In this server, as a task: how it goes, how it ended, and on from what it kept where that was badly. */
function Here({ job, task, filled, begin }: { job: JobEntry; task: Task | undefined; filled: () => Filled; begin: Begin }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [problem, attempt, busy] = useAttempt();
  const working = busy || task?.state === 'running';
  const run = (resume: boolean): void => attempt(() => actions.runJob({ folder: job.folder, ...filled(), ...(resume ? { resume } : {}) }));
  useBegin(begin, () => run(false));
  return (
    <>
      <div className="jp-mlops-buttons"><Submit testid="mlops-run-job" disabled={working}>{text.__('Run job')}</Submit></div>
      <InSight of={`${task?.id ?? ''}${task?.state ?? ''}${problem?.message ?? ''}`}>
        <ProblemNote problem={problem} />
        <TaskProgress task={task} />
        {task?.state === 'succeeded' && <Ended task={task} onResume={working ? null : () => run(true)} />}
        {task?.state === 'cancelled' && <div className="jp-mlops-buttons"><Resume disabled={working} onResume={() => run(true)} /></div>}
      </InSight>
    </>
  );
}

function OnRunner({ job, model, filled, begin }: { job: JobEntry; model: JobsModel; filled: () => Filled; begin: Begin }): React.JSX.Element {
  const text = useText();
  const [order, setOrder] = React.useState(NO_ORDER);
  const [sent, setSent] = React.useState('');
  const [runners] = useRunners(model.submitting);
  const [problem, attempt, busy] = useAttempt();
  const lacks = lacking(runners?.find(one => one.name === order.runner), order);
  useBegin(begin, () => {
    setSent('');
    attempt(async () => {
      const made = await model.submitting.submit(job.folder, order, filled());
      setSent(text.__('Handed to %1. It is in the list below.', made.runner));
    });
  });
  return (
    <div className="jp-mlops-fields">
      <Ordering submitting={model.submitting} order={order} verified={job.manifest.verified === true} onChange={setOrder} />
      <div className="jp-mlops-buttons">
        <Submit testid="mlops-submit-job" disabled={busy || lacks !== ''}>{busy ? text.__('Handing over…') : order.cron.trim() === '' ? text.__('Submit') : text.__('Schedule')}</Submit>
      </div>
      <ProblemNote problem={problem} />
      <p className="jp-mlops-muted" role="status">{sent}</p>
    </div>
  );
}

function ManyTimes({ job, model, task, inputs, begin }: { job: JobEntry; model: JobsModel; task: Task | undefined; inputs: () => Record<string, string>; begin: Begin }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const axes = useAxes(job.manifest.parameters);
  const [problem, attempt, busy] = useAttempt();
  useBegin(begin, () => attempt(async () => {
    await model.submitting.sweep({ folder: job.folder, inputs: inputs(), ...axes.body() });
    actions.refresh();
  }));
  const working = busy || task?.state === 'running';
  return (
    <div className="jp-mlops-fields">
      <SweepFields parameters={job.manifest.parameters} axes={axes} />
      <div className="jp-mlops-buttons"><Submit testid="mlops-start-sweep" disabled={working || axes.children === 0}>{text.__('Start sweep')}</Submit></div>
      <ProblemNote problem={problem} />
      <TaskProgress task={task} />
    </div>
  );
}

function Inputs({ manifest, paths, onPath }: { manifest: JobManifest; paths: Record<string, string>; onPath: (name: string, path: string) => void }): React.JSX.Element | null {
  const text = useText();
  const replaceable = manifest.inputs.filter(input => input.fixed !== true && input.kind !== 'query');
  if (replaceable.length === 0) {
    return null;
  }
  return (
    <>
      <h3 className="jp-mlops-label">{text.__('Inputs')} <span className="jp-mlops-label-note">{text.__('leave empty for the recorded ones')}</span></h3>
      {replaceable.map(input => (
        <InputField key={input.name} input={input} value={paths[input.name] ?? ''} onChange={path => onPath(input.name, path)} />
      ))}
    </>
  );
}

function JobDetails({ job, tasks, model, sweeps }: Omit<JobProps, 'made'>): React.JSX.Element {
  const text = useText();
  const { parameters } = job.manifest;
  const [way, setWay] = React.useState<Way>('here');
  const values = useValues(parameters);
  const [paths, setPath, inputs] = useInputs();
  const filled = (): Filled => ({ parameters: values.given(), inputs: inputs() });
  const begin = React.useRef((): void => undefined);
  React.useEffect(() => model.openJob(job.folder), [model, job.folder]);
  const send = (event: React.FormEvent): void => {
    event.preventDefault();
    begin.current();
  };
  return (
    <form className="jp-mlops-details" data-testid="mlops-parameters-form" aria-label={text.__('Start %1', job.manifest.name)} onSubmit={send}>
      {(job.manifest.warnings ?? []).map(warning => (
        <p key={warning} className="jp-mlops-note jp-mlops-mod-quiet"><Icon mark="warning" /><span>{warning}</span></p>
      ))}
      <Ways way={way} onWay={setWay} />
      {way !== 'sweep' && parameters.length > 0 && (
        <div className="jp-mlops-fields">
          <h3 className="jp-mlops-label">{text.__('Parameters')}</h3>
          {parameters.map(p => <ParameterField key={p.name} parameter={p} value={values.value(p)} onChange={value => values.set(p.name, value)} />)}
        </div>
      )}
      <Inputs manifest={job.manifest} paths={paths} onPath={setPath} />
      {way === 'here' && <Here job={job} task={taskOf(tasks, 'run', job.folder)} filled={filled} begin={begin} />}
      {way === 'runner' && <OnRunner job={job} model={model} filled={filled} begin={begin} />}
      {way === 'sweep' && <ManyTimes job={job} model={model} task={taskOf(tasks, 'sweep', job.folder)} inputs={inputs} begin={begin} />}
      <SweepList folder={job.folder} sweeps={sweeps} />
    </form>
  );
}

export function Job(props: JobProps): React.JSX.Element {
  const { job, made, tasks } = props;
  const text = useText();
  const id = React.useId();
  const { manifest, folder } = job;
  const [unfolded, toggle] = useFold(`job:${folder}`, false);
  const item = React.useRef<HTMLLIElement>(null);
  React.useEffect(() => {
    if (made === folder) {
      item.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [made, folder]);
  const running = tasks.some(task => task.subject === folder && task.state === 'running' && task.kind !== 'convert');
  const warnings = manifest.warnings ?? [];
  return (
    <li ref={item} className="jp-mlops-run" data-testid="mlops-job" data-folder={folder}>
      <button type="button" className="jp-mlops-run-title" aria-expanded={unfolded} aria-controls={id} onClick={toggle}>
        <Icon mark="caret" className={unfolded ? 'jp-mlops-mod-open' : ''} />
        <span className="jp-mlops-run-head">
          <span className="jp-mlops-run-name"><strong title={folder}>{manifest.name}</strong></span>
          <span className="jp-mlops-badges">
            {running && <Chip tone="plain">{text.__('running')}</Chip>}
            {warnings.length > 0 && <Chip mark="warning" tone="fair" title={warnings.join('\n')}>{warnings.length}</Chip>}
            <Verdict verdict={manifest.verdict ?? 'unverified'} />
          </span>
        </span>
        <span className="jp-mlops-run-sub">{`${folder} · ${text._n('%2 of %1 cell', '%2 of %1 cells', manifest.cells_total, manifest.cells)}`}</span>
      </button>
      <div id={id} hidden={!unfolded}>{unfolded && <JobDetails {...props} />}</div>
    </li>
  );
}

/** The way to a job from where it was made. */
export function ShowJob({ folder }: { folder: string }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  return <Button kind="primary" onClick={() => actions.show('jobs', folder)}>{text.__('Show the job')}</Button>;
}
