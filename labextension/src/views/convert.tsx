/** From a run to a job: results, parameters and their contract, inputs, cells in and out; create, see it run clean, hand it on. */

import * as React from 'react';

import type { Preview } from '../api/answers';
import type { JobResult, PreviewBody, Run, Task } from '../api/schema';
import { folderOf, number, runTitle, stem } from '../model/format';
import { problemOf, type Problem } from '../model/problem';
import { OneRunModel } from '../model/runs-compare';
import { stoppedByEffects, type PanelState } from '../model/state';
import { Submitting, type Order } from '../model/submitting';
import { CleanRun, ResultVerdicts } from './cleanrun';
import { KeepParameters, nameInCells, termsOf, type Said } from './contract';
import { Icon } from './icons';
import { NO_ORDER, Ordering } from './jobs/submit';
import { Breakable, Button, Fold, InSight, Page, ProblemNote, TaskProgress, Waiting, useActions, useAttempt } from './parts';
import { DroppedCells, Inputs, PreviewCells, Warnings, type Chosen, type Policies } from './preview';
import { useText } from './text';
import { field } from './unknowns';
import { Verdict } from './verdict';
import { useTab, type View } from './view';
import { resultWord } from './words';

/** Milliseconds without a change after which a draft is looked at again. */
const TYPING = 400;

interface ConvertProps {
  run: Run;
  path: string;
  tasks: readonly Task[];
  model: Submitting;
}

/** What the user has decided of the job to be. */
interface Draft {
  readonly results: readonly string[] | null;
  readonly left: ReadonlySet<string>;
  readonly said: Said;
  readonly chosen: Chosen;
  readonly policies: Policies;
}

const NOTHING: Draft = { results: null, left: new Set(), said: {}, chosen: { added: [], leftOut: [] }, policies: {} };

/** `names`: the parameters that there would be. */
function requestFor(run: Run, draft: Draft, names: readonly string[]): PreviewBody {
  const terms = termsOf(draft.said, names.filter(name => !draft.left.has(name)));
  const { added, leftOut } = draft.chosen;
  return {
    session: run.session,
    run: run.id,
    ...(draft.results === null ? {} : { results: [...draft.results] }),
    ...(added.length > 0 ? { added: [...added] } : {}),
    ...(leftOut.length > 0 ? { left_out: [...leftOut] } : {}),
    ...(Object.keys(terms).length > 0 ? { terms } : {})
  };
}

/** The preview of a run's job as the user wants it, renewed when that changes; what cannot be is said, and the last one stays. */
function usePreview(run: Run, draft: Draft): [Preview | null, Problem | null] {
  const actions = useActions();
  const [preview, setPreview] = React.useState<Preview | null>(null);
  const [problem, setProblem] = React.useState<Problem | null>(null);
  const key = JSON.stringify(requestFor(run, draft, Object.keys(draft.said)));
  const [first] = React.useState(key);
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
    const timer = setTimeout(() => void ask(), key === first ? 0 : TYPING);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [actions, key, first]);
  return [preview, problem];
}

interface ResultsProps {
  offered: readonly JobResult[];
  chosen: readonly string[] | null;
  onChoose: (names: string[]) => void;
}

function Results({ offered, chosen, onChoose }: ResultsProps): React.JSX.Element {
  const text = useText();
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
      <legend className="jp-mlops-label">{text.__('Results that the job must reproduce')}</legend>
      {names.map(name => {
        const results = offered.filter(result => result.name === name);
        const value = results[0]?.value;
        return (
          <label key={name} className="jp-mlops-keep">
            <input type="checkbox" checked={kept.includes(name)} onChange={() => toggle(name)} aria-label={text.__('Keep the result %1', name)} />
            <code><Breakable text={name} /></code>
            <span className="jp-mlops-keep-type">{resultWord(text, results[0]?.kind ?? '')}</span>
            <code className="jp-mlops-figure">{results.length > 1 ? text._n('%1 key', '%1 keys', results.length) : typeof value === 'number' ? number(value) : ''}</code>
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
  const text = useText();
  const id = React.useId();
  return (
    <div className="jp-mlops-block">
      <label className="jp-mlops-label" htmlFor={id}>{text.__('Folder')}</label>
      <input id={id} className="jp-mod-styled jp-mlops-input" type="text" spellCheck={false} required value={folder} onChange={event => onFolder(event.target.value)} />
      <label className="jp-mlops-check">
        <input type="checkbox" checked={verify} onChange={event => onVerify(event.target.checked)} />
        {text.__('Verify after converting')}
      </label>
    </div>
  );
}

/** Where the job was written and what its clean run said; and on to a runner, if one was chosen. */
function Made({ task, model, order }: { task: Task; model: Submitting; order: Order }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [sent, setSent] = React.useState('');
  const [problem, attempt, busy] = useAttempt();
  const folder = field(task.result, 'folder') || task.subject;
  const verdict = field(task.result, 'verification', 'verdict') || field(task.result, 'manifest', 'verdict') || 'unverified';
  const submit = (): void => attempt(async () => {
    const made = await model.submit(folder, order, {});
    setSent(text.__('Handed to %1.', made.runner));
  });
  return (
    <div className="jp-mlops-note jp-mlops-mod-good" role="status">
      <Icon mark="check" />
      <div>
        <p>
          {text.__('Job written to')} <code className="jp-mlops-wrap">{folder}</code> <Verdict verdict={verdict} />
        </p>
        <ResultVerdicts result={task.result} />
        <ProblemNote problem={problem} />
        {sent !== '' && <p>{sent}</p>}
        <div className="jp-mlops-buttons">
          {order.runner !== '' && sent === '' && <Button kind="primary" testid="mlops-submit-made" disabled={busy} onClick={submit}>{text.__('Hand it to %1', order.runner)}</Button>}
          <Button kind={order.runner === '' || sent !== '' ? 'primary' : 'secondary'} onClick={() => actions.show('jobs', folder)}>{text.__('Show the job')}</Button>
        </div>
      </div>
    </div>
  );
}

interface StartProps {
  run: Run;
  draft: Draft;
  preview: Preview;
  path: string;
  tasks: readonly Task[];
  model: Submitting;
  /** Whether the preview is not what was asked for. */
  wrong: boolean;
}

/** Where it goes, and where it is to run then; the making of it, and what came of that. */
function Start({ run, draft, preview, path, tasks, model, wrong }: StartProps): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [folder, setFolder] = React.useState(`${folderOf(path)}${stem(path)}-job`);
  const [verify, setVerify] = React.useState(true);
  const [order, setOrder] = React.useState(NO_ORDER);
  const [task, setTask] = React.useState('');
  const [problem, attempt, busy] = useAttempt();
  const current = tasks.find(other => other.id === task);
  const create = (effects: boolean): void => {
    const literals = preview.parameters.filter(parameter => (parameter.cell ?? 0) > 0);
    const names = literals.map(parameter => nameInCells(parameter, draft.said));
    const parameters = names.filter(name => !draft.left.has(name));
    const asked = { ...requestFor(run, draft, names), folder: folder.trim(), parameters, ...(Object.keys(draft.policies).length > 0 ? { policies: draft.policies } : {}), verify, allow_effects: effects };
    attempt(async () => setTask(await actions.convert(asked)));
  };
  const idle = !busy && current?.state !== 'running';
  return (
    <>
      <Destination folder={folder} verify={verify} onFolder={setFolder} onVerify={setVerify} />
      <div className="jp-mlops-indent">
        <Fold name="convert:runner" label={<>{text.__('Then hand it to a runner')} <span className="jp-mlops-label-note">{order.runner}</span></>}>
          <Ordering submitting={model} order={order} verified={verify} onChange={setOrder} />
        </Fold>
      </div>
      <InSight of={`${current?.state ?? ''}${problem?.message ?? ''}`}>
        <ProblemNote problem={problem} />
        <TaskProgress task={current} />
        {current && <CleanRun cells={preview.cells} task={current} />}
        {current?.state === 'failed' && <ResultVerdicts result={current.result} />}
        {current?.state === 'succeeded' && <Made task={current} model={model} order={order} />}
      </InSight>
      {current?.state !== 'succeeded' && (
        <div className="jp-mlops-buttons">
          <Button kind="primary" testid="mlops-create-job" disabled={!idle || wrong || folder.trim() === ''} onClick={() => create(false)}>{text.__('Create job')}</Button>
          {stoppedByEffects(current) && <Button onClick={() => create(true)}>{text.__('Create anyway, effects included')}</Button>}
          <Button onClick={() => actions.back()}>{text.__('Cancel')}</Button>
        </div>
      )}
    </>
  );
}

function Convert({ run, path, tasks, model }: ConvertProps): React.JSX.Element {
  const text = useText();
  const [draft, setDraft] = React.useState(NOTHING);
  const [offered, setOffered] = React.useState<readonly JobResult[]>([]);
  const [preview, problem] = usePreview(run, draft);
  const change = (part: Partial<Draft>): void => setDraft(before => ({ ...before, ...part }));
  React.useEffect(() => {
    if (preview && draft.results === null) {
      setOffered(preview.results);
    }
  }, [preview, draft.results]);
  const toggle = (name: string): void => change({ left: new Set(draft.left.has(name) ? [...draft.left].filter(other => other !== name) : [...draft.left, name]) });
  return (
    <Page title={text.__('Convert #%1 to a job', run.number ?? '')} about={runTitle(run)}>
      {!preview && !problem && <Waiting>{text.__('Looking for the cells needed…')}</Waiting>}
      {!preview && <ProblemNote problem={problem} />}
      {preview && (
        <>
          <Warnings warnings={preview.warnings} />
          {offered.length > 0 && <Results offered={offered} chosen={draft.results} onChoose={results => change({ results })} />}
          <KeepParameters preview={preview} left={draft.left} said={draft.said} onToggle={toggle} onSay={(name, terms) => change({ said: { ...draft.said, [name]: terms } })} />
          <Inputs preview={preview} policies={draft.policies} onPolicy={(name, policy) => change({ policies: { ...draft.policies, [name]: policy } })} />
          <InSight of={problem?.message ?? ''}><ProblemNote problem={problem} /></InSight>
          <PreviewCells preview={preview} left={draft.left} chosen={draft.chosen} onChoose={chosen => change({ chosen })} />
          <DroppedCells preview={preview} chosen={draft.chosen} onChoose={chosen => change({ chosen })} />
          <Start run={run} draft={draft} preview={preview} path={path} tasks={tasks} model={model} wrong={problem !== null} />
        </>
      )}
    </Page>
  );
}

interface ConvertPageProps {
  run: string;
  panel: PanelState;
  /** Reads a run that is not among the newest. */
  one: OneRunModel;
  model: Submitting;
}

function ConvertPage({ run: id, panel, one, model }: ConvertPageProps): React.JSX.Element {
  const text = useText();
  const { run: held, problem } = useTab(one);
  React.useEffect(() => one.open(id), [one, id]);
  const run = panel.runs.find(other => other.id === id) ?? (held?.id === id ? held : undefined);
  return run ? (
    <Convert run={run} path={panel.path} tasks={panel.tasks} model={model} />
  ) : (
    <Page title={text.__('Convert to a job')}>
      {problem ? <ProblemNote problem={problem} /> : <Waiting>{text.__('Loading the run…')}</Waiting>}
    </Page>
  );
}

export const convertView: View = {
  id: 'convert',
  tab: null,
  open: around => {
    const model = new Submitting(around.requests, () => undefined);
    const one = new OneRunModel(around);
    return { model: one, draw: ({ place, panel }) => <ConvertPage key={place.subject} run={place.subject} panel={panel} one={one} model={model} /> };
  }
};
