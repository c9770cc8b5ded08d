/** Pieces that several views share: buttons, sections, chips, progress. */

import * as React from 'react';

import type { Actions } from '../model/actions';
import type { Task } from '../api/schema';
import type { Folds } from '../model/folds';
import { problemOf, type Problem } from '../model/problem';
import { Icon, Spinner, type Mark } from './icons';
import { useText } from './text';
import { taskWord } from './words';

const ActionsContext = React.createContext<Actions | null>(null);
export const ActionsProvider = ActionsContext.Provider;

export function useActions(): Actions {
  const actions = React.useContext(ActionsContext);
  if (!actions) {
    throw new Error('A view of mlops_jupyter stands outside its panel');
  }
  return actions;
}

const FoldsContext = React.createContext<Folds>({});
export const FoldsProvider = FoldsContext.Provider;

/** Whether a part is open, and how to open or close it: remembered for the next visit. */
export function useFold(key: string, byDefault: boolean): [boolean, () => void] {
  const actions = useActions();
  const open = React.useContext(FoldsContext)[key] ?? byDefault;
  return [open, () => actions.fold(key, !open)];
}

/** True once `wanted` has held for a while; false as soon as it does not. */
export function useSettled(wanted: boolean, milliseconds: number): boolean {
  const [settled, setSettled] = React.useState(false);
  React.useEffect(() => {
    const timer = setTimeout(() => setSettled(wanted), wanted ? milliseconds : 0);
    return () => clearTimeout(timer);
  }, [wanted, milliseconds]);
  return wanted && settled;
}

/** Seconds since 1970, renewed four times a second while `active`. */
export function useNow(active: boolean): number {
  const [now, setNow] = React.useState(() => Date.now() / 1000);
  React.useEffect(() => {
    if (!active) {
      return undefined;
    }
    const timer = setInterval(() => setNow(Date.now() / 1000), 250);
    return () => clearInterval(timer);
  }, [active]);
  return now;
}

/** Runs something that can fail, and holds why it did. */
export function useAttempt(): [Problem | null, (work: () => Promise<unknown>) => void, boolean] {
  const [problem, setProblem] = React.useState<Problem | null>(null);
  const [busy, setBusy] = React.useState(false);
  const attempt = React.useCallback((work: () => Promise<unknown>) => {
    setProblem(null);
    setBusy(true);
    work()
      .catch((error: unknown) => setProblem(problemOf(error)))
      .finally(() => setBusy(false));
  }, []);
  return [problem, attempt, busy];
}

interface ButtonProps {
  children: React.ReactNode;
  onClick: () => void;
  kind?: 'primary' | 'secondary' | 'quiet';
  label?: string;
  testid?: string;
  /** The page that it leads to, as `view:subject`: the focus comes back to it with the user. */
  leads?: string;
  disabled?: boolean;
}

const BUTTON_CLASS = {
  primary: 'jp-Button jp-mod-styled jp-mod-accept',
  secondary: 'jp-Button',
  quiet: 'jp-Button jp-mod-minimal'
};

export function Button({ children, onClick, kind = 'secondary', label, testid, leads, disabled = false }: ButtonProps): React.JSX.Element {
  return (
    <button
      type="button"
      className={`jp-mlops-button jp-mlops-mod-${kind} ${BUTTON_CLASS[kind]}`}
      aria-label={label}
      data-testid={testid}
      data-leads={leads}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

/** A line of code with a button that copies it. */
export function Copyable({ text, what, testid }: { text: string; what: string; testid?: string }): React.JSX.Element {
  const actions = useActions();
  const words = useText();
  const [copied, setCopied] = React.useState(false);
  const copy = (): void => {
    actions.copy(text);
    setCopied(true);
  };
  return (
    <div className="jp-mlops-copyable">
      <code data-testid={testid}>{text}</code>
      <Button label={words.__('Copy %1', what)} onClick={copy}>
        {copied ? words.__('Copied') : words.__('Copy')}
      </Button>
    </div>
  );
}

/** Whether the server is away, which the head of the panel says for all of it. */
const AwayContext = React.createContext(false);
export const AwayProvider = AwayContext.Provider;

/** Why a view could not read what it shows, with a way to try again; silent where the head of the panel says it already. */
export function LookProblem({ problem, onAgain }: { problem: Problem | null; onAgain: () => void }): React.JSX.Element | null {
  const away = React.useContext(AwayContext);
  return problem?.away === true && away ? null : <ProblemNote problem={problem} onAgain={onAgain} />;
}

/** Something is on its way. */
export function Waiting({ children }: { children: React.ReactNode }): React.JSX.Element {
  return <p className="jp-mlops-waiting" role="status"><Spinner />{children}</p>;
}

export function ProblemNote({ problem, onAgain }: { problem: Problem | null; onAgain?: () => void }): React.JSX.Element | null {
  const text = useText();
  if (!problem) {
    return null;
  }
  const message = problem.away === true ? text.__('The Jupyter server does not answer') : problem.message || text.__('The server does not know this');
  const remedy = problem.away === true ? text.__('Check that it is still running') : problem.remedy;
  return (
    <div className="jp-mlops-note jp-mlops-mod-error" role="alert">
      <Icon mark="warning" />
      <div>
        <p>{message}</p>
        {remedy !== '' && <p className="jp-mlops-muted">{remedy}</p>}
        {onAgain && <Button onClick={onAgain}>{text.__('Try again')}</Button>}
      </div>
    </div>
  );
}

/** Text that may go on in the next line where a part of a name ends: `l2_` `regularization`, `Boosting` `Classifier`. */
export function Breakable({ text }: { text: string }): React.JSX.Element {
  return (
    <>
      {text.split(/(?<=[_→(,[])|(?<=\.)(?=\p{L})|(?<=\p{Ll})(?=\p{Lu})/u).map((part, i) => (
        <React.Fragment key={i}>
          {i > 0 && <wbr />}
          {part}
        </React.Fragment>
      ))}
    </>
  );
}

export type Tone = 'good' | 'fair' | 'bad' | 'plain';

export function Chip({ mark, tone, children, testid, title }: {
  mark?: Mark;
  tone: Tone;
  children: React.ReactNode;
  testid?: string;
  title?: string;
}): React.JSX.Element {
  return (
    <span className={`jp-mlops-chip jp-mlops-tone-${tone}`} data-testid={testid} title={title}>
      {mark && <Icon mark={mark} />}
      {children}
    </span>
  );
}

/** A page that was opened from somewhere: a way back, what it is about, and the focus on that. */
export function Page({ title, about = '', children }: { title: string; about?: string; children: React.ReactNode }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const heading = React.useRef<HTMLHeadingElement>(null);
  React.useEffect(() => heading.current?.focus(), []);
  return (
    <div className="jp-mlops-page">
      <div className="jp-mlops-page-title">
        <Button kind="quiet" label={text.__('Back')} onClick={() => actions.back()}><Icon mark="back" /></Button>
        <h2 title={about === '' ? title : about} tabIndex={-1} ref={heading}>{title}</h2>
      </div>
      {children}
    </div>
  );
}

/** A foldable part of the panel. */
export function Section({ title, fold, note = '', children }: {
  title: string;
  /** The name under which its fold is remembered. */
  fold: string;
  note?: string;
  children: React.ReactNode;
}): React.JSX.Element {
  const [open, toggle] = useFold(`section:${fold}`, true);
  const id = React.useId();
  return (
    <section className="jp-mlops-section" aria-labelledby={`${id}-title`}>
      <h2 className="jp-mlops-section-title" id={`${id}-title`}>
        <button type="button" aria-expanded={open} aria-controls={id} onClick={toggle}>
          <Icon mark="caret" className={open ? 'jp-mlops-mod-open' : ''} />
          <span>{title}</span>
          {note !== '' && <span className="jp-mlops-section-note">{note}</span>}
        </button>
      </h2>
      <div id={id} hidden={!open}>
        {children}
      </div>
    </section>
  );
}

/** Smaller than a section: a label, and what folds out below it. */
export function Fold({ name, label, children, testid }: {
  /** What it is remembered by. */
  name: string;
  label: React.ReactNode;
  children: React.ReactNode;
  testid?: string;
}): React.JSX.Element {
  const [open, toggle] = useFold(name, false);
  const id = React.useId();
  return (
    <div className="jp-mlops-fold">
      <button type="button" className="jp-mlops-fold-title" aria-expanded={open} aria-controls={id} data-testid={testid} onClick={toggle}>
        <Icon mark="caret" className={open ? 'jp-mlops-mod-open' : ''} />
        <span>{label}</span>
      </button>
      {open && <div id={id}>{children}</div>}
    </div>
  );
}

/** Scrolls its content into sight when what it tells of changes, but not when it is first drawn. */
export function InSight({ of, children }: { of: string; children: React.ReactNode }): React.JSX.Element {
  const box = React.useRef<HTMLDivElement>(null);
  const told = React.useRef(of);
  React.useEffect(() => {
    if (told.current !== of) {
      told.current = of;
      box.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [of]);
  return <div className="jp-mlops-insight" ref={box}>{children}</div>;
}

/** A background task: its bar while it runs, and why it failed. A task that succeeded shows nothing: its result does. */
export function TaskProgress({ task }: { task: Task | undefined }): React.JSX.Element | null {
  const actions = useActions();
  const text = useText();
  if (!task || task.state === 'succeeded') {
    return null;
  }
  if (task.state === 'cancelled') {
    return <p className="jp-mlops-muted" role="status">{text.__('Cancelled.')}</p>;
  }
  if (task.state === 'failed') {
    const { what, remedy = '' } = task.error ?? { what: '' };
    return <ProblemNote problem={{ message: what || text.__('The task failed'), remedy }} />;
  }
  const total = task.total ?? 0;
  const done = Math.min(task.done ?? 0, total);
  const words = task.message ?? '';
  return (
    <div className="jp-mlops-task" data-testid="mlops-task" data-state={task.state}>
      <div className="jp-mlops-task-line">
        <Spinner />
        <span className="jp-mlops-task-message" role="status" aria-live="polite" title={words}>
          {words === '' ? text.__('Starting…') : words}
        </span>
        {total > 0 && <span className="jp-mlops-figure">{`${done}/${total}`}</span>}
        <Button kind="quiet" label={text.__('Cancel: %1', words || taskWord(text, task.kind))} onClick={() => void actions.cancel(task.id)}>
          {text.__('Cancel')}
        </Button>
      </div>
      <progress className="jp-mlops-bar" aria-label={text.__('Progress')} max={total || 1} {...(total > 0 ? { value: done } : {})} />
    </div>
  );
}
