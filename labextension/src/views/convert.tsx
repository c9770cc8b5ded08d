/** From a run to a job: choose results and parameters, look at the cells, create. */

import * as React from 'react';

import type { Preview } from '../api/answers';
import type { JobResult, PreviewBody, Run, Task } from '../api/schema';
import { folderOf, number, runTitle, stem } from '../model/format';
import { problemOf, type Problem } from '../model/problem';
import { stoppedByEffects, type PanelState } from '../model/state';
import { Icon } from './icons';
import { Button, InSight, Page, ProblemNote, TaskProgress, useActions, useAttempt } from './parts';
import { Inputs, KeepParameters, PreviewCells, Warnings } from './preview';
import { field } from './unknowns';
import { Verdict } from './verdict';
import type { View } from './view';

interface ConvertProps {
  run: Run;
  path: string;
  tasks: readonly Task[];
}

function requestFor(run: Run, results: readonly string[] | null): PreviewBody {
  return { session: run.session, run: run.id, ...(results === null ? {} : { results: [...results] }) };
}

/** The preview of a run's job with these results, renewed when they change. */
function usePreview(run: Run, results: readonly string[] | null): [Preview | null, Problem | null] {
  const actions = useActions();
  const [preview, setPreview] = React.useState<Preview | null>(null);
  const [problem, setProblem] = React.useState<Problem | null>(null);
  const key = JSON.stringify(requestFor(run, results));
  React.useEffect(() => {
    let wanted = true;
    const ask = async (): Promise<void> => {
      try {
        const found = await actions.preview(JSON.parse(key) as PreviewBody);
        if (wanted) {
          setPreview(found);
          setProblem(null);
        }
      } catch (error) {
        if (wanted) {
          setProblem(problemOf(error));
        }
      }
    };
    void ask();
    return () => {
      wanted = false;
    };
  }, [actions, key]);
  return [preview, problem];
}

interface ResultsProps {
  offered: readonly JobResult[];
  chosen: readonly string[] | null;
  onChoose: (names: string[]) => void;
}

function Results({ offered, chosen, onChoose }: ResultsProps): React.JSX.Element {
  const names = [...new Set(offered.map(result => result.name))];
  const kept = chosen ?? names;
  const toggle = (name: string): void => {
    const next = names.filter(other => (other === name ? !kept.includes(name) : kept.includes(other)));
    if (next.length > 0) {
      onChoose(next);
    }
  };
  return (
    <fieldset className="jp-mlops-block jp-mlops-fieldset">
      <legend className="jp-mlops-label">Results that the job must reproduce</legend>
      {names.map(name => {
        const results = offered.filter(result => result.name === name);
        const value = results[0]?.value;
        return (
          <label key={name} className="jp-mlops-keep">
            <input type="checkbox" checked={kept.includes(name)} onChange={() => toggle(name)} aria-label={`Keep the result ${name}`} />
            <code>{name}</code>
            <span className="jp-mlops-keep-type">{results[0]?.kind}</span>
            <code className="jp-mlops-figure">{results.length > 1 ? `${results.length} keys` : typeof value === 'number' ? number(value) : ''}</code>
          </label>
        );
      })}
    </fieldset>
  );
}

interface FolderProps {
  folder: string;
  verify: boolean;
  onFolder: (folder: string) => void;
  onVerify: (verify: boolean) => void;
}

function Destination({ folder, verify, onFolder, onVerify }: FolderProps): React.JSX.Element {
  const id = React.useId();
  return (
    <div className="jp-mlops-block">
      <label className="jp-mlops-label" htmlFor={id}>Folder</label>
      <input id={id} className="jp-mod-styled jp-mlops-input" type="text" spellCheck={false} required value={folder} onChange={event => onFolder(event.target.value)} />
      <label className="jp-mlops-check">
        <input type="checkbox" checked={verify} onChange={event => onVerify(event.target.checked)} />
        Verify after converting
      </label>
    </div>
  );
}

/** Where the job was written and what its clean run said. */
function Made({ task }: { task: Task }): React.JSX.Element {
  const actions = useActions();
  const folder = field(task.result, 'folder') || task.subject;
  const verdict = field(task.result, 'verification', 'verdict') || field(task.result, 'manifest', 'verdict') || 'unverified';
  return (
    <div className="jp-mlops-note jp-mlops-mod-good" role="status">
      <Icon mark="check" />
      <div>
        <p>
          Job written to <code className="jp-mlops-wrap">{folder}</code> <Verdict verdict={verdict} />
        </p>
        <Button kind="primary" onClick={() => actions.show('jobs', folder)}>Show the job</Button>
      </div>
    </div>
  );
}

function Convert({ run, path, tasks }: ConvertProps): React.JSX.Element {
  const actions = useActions();
  const [results, setResults] = React.useState<string[] | null>(null);
  const [offered, setOffered] = React.useState<readonly JobResult[]>([]);
  const [left, setLeft] = React.useState<ReadonlySet<string>>(new Set());
  const [folder, setFolder] = React.useState(`${folderOf(path)}${stem(path)}-job`);
  const [verify, setVerify] = React.useState(true);
  const [task, setTask] = React.useState('');
  const [preview, unseen] = usePreview(run, results);
  const [problem, attempt, busy] = useAttempt();
  const current = tasks.find(other => other.id === task);
  React.useEffect(() => {
    if (preview && results === null) {
      setOffered(preview.results);
    }
  }, [preview, results]);

  const toggle = (name: string): void => setLeft(new Set(left.has(name) ? [...left].filter(other => other !== name) : [...left, name]));
  const create = (effects: boolean): void => {
    const parameters = (preview?.parameters ?? []).map(parameter => parameter.name).filter(name => !left.has(name));
    const request = { ...requestFor(run, results), folder: folder.trim(), parameters, verify, allow_effects: effects };
    attempt(async () => setTask(await actions.convert(request)));
  };
  return (
    <Page title={`Convert #${run.number ?? ''} to a job`} about={runTitle(run)}>
      <ProblemNote problem={unseen} />
      {!preview && !unseen && <p className="jp-mlops-muted" role="status">Looking for the cells needed…</p>}
      {preview && (
        <>
          <Warnings warnings={preview.warnings} />
          {offered.length > 0 && <Results offered={offered} chosen={results} onChoose={setResults} />}
          <KeepParameters preview={preview} left={left} onToggle={toggle} />
          <Inputs preview={preview} />
          <PreviewCells preview={preview} left={left} />
          <Destination folder={folder} verify={verify} onFolder={setFolder} onVerify={setVerify} />
          <InSight of={`${current?.state ?? ''}${problem?.message ?? ''}`}>
            <ProblemNote problem={problem} />
            <TaskProgress task={current} />
            {current?.state === 'succeeded' && <Made task={current} />}
          </InSight>
          {current?.state !== 'succeeded' && (
            <div className="jp-mlops-buttons">
              <Button kind="primary" testid="mlops-create-job" disabled={busy || folder.trim() === '' || current?.state === 'running'} onClick={() => create(false)}>Create job</Button>
              {stoppedByEffects(current) && <Button onClick={() => create(true)}>Create anyway, effects included</Button>}
              <Button onClick={() => actions.back()}>Cancel</Button>
            </div>
          )}
        </>
      )}
    </Page>
  );
}

function ConvertPage({ run: id, panel }: { run: string; panel: PanelState }): React.JSX.Element {
  const run = panel.runs.find(other => other.id === id);
  return run ? <Convert run={run} path={panel.path} tasks={panel.tasks} /> : <Page title="Convert to a job"><p className="jp-mlops-muted">This run is not among those of the notebook.</p></Page>;
}

export const convertView: View = {
  id: 'convert',
  tab: '',
  open: () => ({ model: null, draw: ({ place, panel }) => <ConvertPage key={place.subject} run={place.subject} panel={panel} /> })
};
