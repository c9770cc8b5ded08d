/** The jobs made from this notebook: give parameters and inputs, run, and see how it ended. */

import * as React from 'react';

import type { JobEntry, JobInput, JobParameter, Scalar, Task } from '../api/schema';
import { count, duration, scalar } from '../model/format';
import { taskOf, type PanelState } from '../model/state';
import { Icon } from './icons';
import { Button, Chip, InSight, ProblemNote, TaskProgress, useActions, useAttempt, useFold } from './parts';
import { field, numberField } from './unknowns';
import { Verdict } from './verdict';
import type { View } from './view';

interface JobsProps {
  jobs: readonly JobEntry[];
  tasks: readonly Task[];
  /** Folder of the job that was just made: shown, and brought into sight. */
  made: string;
}

const INPUT_TYPE: Record<JobParameter['type'], string> = {
  integer: 'number',
  number: 'number',
  string: 'text',
  boolean: 'checkbox',
  date: 'date',
  datetime: 'text',
  decimal: 'text',
  path: 'text',
  array: 'text',
  secret: 'text'
};

/** What a parameter may be, where its contract lists it; null where it does not. */
export function choicesOf(parameter: JobParameter): string[] | null {
  const choices = parameter.schema?.enum;
  return Array.isArray(choices) ? choices.map(choice => scalar(choice as Scalar)) : null;
}

/** The end of a number's or a date's range, as an input takes it. */
function bound(parameter: JobParameter, ...words: string[]): string | undefined {
  const found = words.map(word => parameter.schema?.[word]).find(value => value !== undefined);
  return typeof found === 'number' || typeof found === 'string' ? String(found) : undefined;
}

/** What was typed, as the parameter's type; text that is no such value goes to the server, which names what is wrong. */
export function typed(parameter: JobParameter, text: string): Scalar | Scalar[] {
  if (parameter.type === 'integer' || parameter.type === 'number') {
    const value = Number(text);
    return text.trim() === '' || Number.isNaN(value) ? text : value;
  }
  if (parameter.type === 'boolean') {
    return text === 'true';
  }
  if (parameter.type === 'array') {
    try {
      return JSON.parse(text) as Scalar | Scalar[];
    } catch {
      return text;
    }
  }
  return text;
}

export function asText(parameter: JobParameter): string {
  const value = parameter.default;
  if (parameter.type === 'array' || typeof value === 'boolean') {
    return JSON.stringify(value);
  }
  return value === null ? '' : scalar(value);
}

interface FieldProps {
  parameter: JobParameter;
  value: string;
  onChange: (value: string) => void;
}

function ParameterField({ parameter, value, onChange }: FieldProps): React.JSX.Element {
  const id = React.useId();
  const flag = parameter.type === 'boolean';
  const choices = choicesOf(parameter);
  const changed = value !== asText(parameter);
  return (
    <div className="jp-mlops-field" data-changed={changed}>
      <label htmlFor={id} title={parameter.description ?? ''}><code>{parameter.name}</code></label>
      {flag ? (
        <input id={id} type="checkbox" checked={value === 'true'} onChange={event => onChange(String(event.target.checked))} />
      ) : choices !== null ? (
        <select id={id} className="jp-mod-styled jp-mlops-input" value={value} onChange={event => onChange(event.target.value)}>
          {choices.map(choice => <option key={choice} value={choice}>{choice}</option>)}
        </select>
      ) : (
        <input
          id={id}
          className="jp-mod-styled jp-mlops-input"
          type={INPUT_TYPE[parameter.type]}
          step={parameter.type === 'number' ? 'any' : undefined}
          min={bound(parameter, 'minimum', 'formatMinimum')}
          max={bound(parameter, 'maximum', 'formatMaximum')}
          placeholder={parameter.type === 'secret' ? 'env:NAME, keyring:SERVICE/USER or file:PATH' : undefined}
          spellCheck={false}
          value={value}
          onChange={event => onChange(event.target.value)}
        />
      )}
    </div>
  );
}

function InputField({ input, value, onChange }: { input: JobInput; value: string; onChange: (value: string) => void }): React.JSX.Element {
  const id = React.useId();
  return (
    <div className="jp-mlops-field">
      <label htmlFor={id}><code>{input.name}</code></label>
      <input id={id} className="jp-mod-styled jp-mlops-input" type="text" spellCheck={false} placeholder={input.path} value={value} onChange={event => onChange(event.target.value)} />
    </div>
  );
}

/** How a run of the job ended. */
function Ended({ task }: { task: Task }): React.JSX.Element | null {
  const actions = useActions();
  const state = field(task.result, 'outcome', 'state') || field(task.result, 'state');
  const output = field(task.result, 'output') || field(task.result, 'output_path');
  const seconds = numberField(task.result, 'outcome', 'seconds');
  const cell = numberField(task.result, 'outcome', 'cell');
  const source = field(task.result, 'outcome', 'source');
  const failed = state !== '' && state !== 'succeeded';
  return (
    <div className={`jp-mlops-note ${failed ? 'jp-mlops-mod-error' : 'jp-mlops-mod-good'}`} role="status" data-testid="mlops-outcome" data-state={state}>
      <Icon mark={failed ? 'cross' : 'check'} />
      <div>
        <p>
          {failed ? (cell === null ? `The job ${state}` : `Failed in cell ${cell}`) : 'Succeeded'}
          {seconds !== null && seconds > 0 && <span className="jp-mlops-muted">{` in ${duration(seconds)}`}</span>}
        </p>
        {source !== '' && failed && <pre className="jp-mlops-printed">{source}</pre>}
        {failed && <p className="jp-mlops-wrap">{field(task.result, 'outcome', 'error')}</p>}
        {output !== '' && <Button onClick={() => actions.open(output)}>Open the output notebook</Button>}
      </div>
    </div>
  );
}

function useValues(parameters: readonly JobParameter[]): [(parameter: JobParameter) => string, (name: string, value: string) => void, () => Record<string, Scalar | Scalar[]>] {
  const [values, setValues] = React.useState<Record<string, string>>({});
  const value = (parameter: JobParameter): string => values[parameter.name] ?? asText(parameter);
  const set = (name: string, text: string): void => setValues({ ...values, [name]: text });
  const given = (): Record<string, Scalar | Scalar[]> =>
    Object.fromEntries(parameters.filter(p => value(p) !== asText(p)).map(p => [p.name, typed(p, value(p))]));
  return [value, set, given];
}

function RunForm({ job, task }: { job: JobEntry; task: Task | undefined }): React.JSX.Element {
  const actions = useActions();
  const { parameters, inputs } = job.manifest;
  const [value, set, given] = useValues(parameters);
  const [paths, setPaths] = React.useState<Record<string, string>>({});
  const [problem, attempt, busy] = useAttempt();
  const run = (event: React.FormEvent): void => {
    event.preventDefault();
    const replaced = Object.fromEntries(Object.entries(paths).filter(([, path]) => path.trim() !== ''));
    attempt(() => actions.runJob({ folder: job.folder, parameters: given(), inputs: replaced }));
  };
  return (
    <form className="jp-mlops-details" data-testid="mlops-parameters-form" aria-label={`Run ${job.manifest.name}`} onSubmit={run}>
      {parameters.length > 0 && <h3 className="jp-mlops-label">Parameters</h3>}
      {parameters.map(p => (
        <ParameterField key={p.name} parameter={p} value={value(p)} onChange={text => set(p.name, text)} />
      ))}
      {inputs.length > 0 && <h3 className="jp-mlops-label">Inputs <span className="jp-mlops-label-note">leave empty for the recorded ones</span></h3>}
      {inputs.map(input => (
        <InputField key={input.name} input={input} value={paths[input.name] ?? ''} onChange={path => setPaths({ ...paths, [input.name]: path })} />
      ))}
      <div className="jp-mlops-buttons">
        <button type="submit" className="jp-mlops-button jp-mlops-mod-primary jp-Button jp-mod-styled jp-mod-accept" data-testid="mlops-run-job" disabled={busy || task?.state === 'running'}>
          Run job
        </button>
      </div>
      <InSight of={`${task?.id ?? ''}${task?.state ?? ''}${problem?.message ?? ''}`}>
        <ProblemNote problem={problem} />
        <TaskProgress task={task} />
        {task?.state === 'succeeded' && <Ended task={task} />}
      </InSight>
    </form>
  );
}

function Job({ job, tasks, made }: JobsProps & { job: JobEntry }): React.JSX.Element {
  const id = React.useId();
  const { manifest, folder } = job;
  const [unfolded, toggle] = useFold(`job:${folder}`, false);
  const item = React.useRef<HTMLLIElement>(null);
  React.useEffect(() => {
    if (made === folder) {
      item.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [made, folder]);
  return (
    <li ref={item} className="jp-mlops-run" data-testid="mlops-job" data-folder={folder}>
      <button type="button" className="jp-mlops-run-title" aria-expanded={unfolded} aria-controls={id} onClick={toggle}>
        <Icon mark="caret" className={unfolded ? 'jp-mlops-mod-open' : ''} />
        <span className="jp-mlops-run-head">
          <span className="jp-mlops-run-name"><strong title={folder}>{manifest.name}</strong></span>
          <span className="jp-mlops-badges">
            {(manifest.warnings ?? []).length > 0 && <Chip mark="warning" tone="fair" title={(manifest.warnings ?? []).join('\n')}>{(manifest.warnings ?? []).length}</Chip>}
            <Verdict verdict={manifest.verdict ?? 'unverified'} />
          </span>
        </span>
        <span className="jp-mlops-run-sub">{`${folder} · ${manifest.cells} of ${count(manifest.cells_total, 'cell')}`}</span>
      </button>
      <div id={id} hidden={!unfolded}>{unfolded && <RunForm job={job} task={taskOf(tasks, 'run', folder)} />}</div>
    </li>
  );
}

function Jobs(props: JobsProps): React.JSX.Element {
  return (
    <ul className="jp-mlops-runs" data-testid="mlops-jobs" aria-label="Jobs">
      {props.jobs.map(job => (
        <Job key={job.folder} {...props} job={job} />
      ))}
    </ul>
  );
}

function JobsTab({ panel, made }: { panel: PanelState; made: string }): React.JSX.Element {
  const actions = useActions();
  React.useEffect(() => {
    if (made !== '') {
      actions.fold(`job:${made}`, true);
    }
  }, [actions, made]);
  if (panel.jobs.length === 0) {
    return <p className="jp-mlops-nothing">No jobs yet. Convert a run: its cells become a job with parameters.</p>;
  }
  return <Jobs jobs={panel.jobs} tasks={panel.tasks} made={made} />;
}

export const jobsView: View = {
  id: 'jobs',
  tab: 'Jobs',
  open: () => ({ model: null, draw: ({ place, panel }) => <JobsTab panel={panel} made={place.subject} /> })
};
