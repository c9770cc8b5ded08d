/** What a person can say of a run: star it, make it the baseline, tag it, delete it; and the way to what changed. */

import * as React from 'react';

import type { RemarkBody, Run, RunLine } from '../../api/schema';
import { runTitle } from '../../model/format';
import { tagFrom } from '../../model/runs-table';
import { Icon } from '../icons';
import { Button, ProblemNote, useActions, useAttempt } from '../parts';
import { useText } from '../text';

/** Whoever takes what is said: the model of the view in which runs are shown. */
export interface RunWords {
  say(ids: readonly string[], words: RemarkBody): Promise<void>;
  delete(ids: readonly string[], label: string): Promise<void>;
}

const WordsContext = React.createContext<RunWords | null>(null);
export const WordsProvider = WordsContext.Provider;

/** Null where runs are only shown. */
export function useRunWords(): RunWords | null {
  return React.useContext(WordsContext);
}

/** What a run is called: `#12 max_iter 200→400`. */
export function nameOf(run: Run | RunLine): string {
  return `#${run.number ?? 0} ${'title' in run ? run.title : runTitle(run)}`.trim();
}

interface TagsProps {
  tags: Readonly<Record<string, string>>;
  onSay: (tags: Record<string, string | null>) => void;
}

/** The tags, each with a way to take it off, and a field for one more. */
export function TagEditor({ tags, onSay }: TagsProps): React.JSX.Element {
  const text = useText();
  const [typed, setTyped] = React.useState('');
  const [name, value] = tagFrom(typed);
  const add = (event: React.FormEvent): void => {
    event.preventDefault();
    if (name !== '') {
      onSay({ [name]: value });
      setTyped('');
    }
  };
  return (
    <form className="jp-mlops-tag-editor" onSubmit={add} aria-label={text.__('Tags')}>
      {Object.entries(tags).map(([tag, held]) => (
        <button key={tag} type="button" className="jp-mlops-tag" aria-label={text.__('Take the tag %1 off', tag)} title={text.__('Take off')} onClick={() => onSay({ [tag]: null })}>
          {held === '' ? tag : `${tag}=${held}`}
          <Icon mark="cross" />
        </button>
      ))}
      <input className="jp-mod-styled jp-mlops-input" aria-label={text.__('New tag: a name, or name=value')} placeholder={text.__('name or name=value')} value={typed} maxLength={100} onChange={event => setTyped(event.target.value)} />
      <Button disabled={name === ''} onClick={() => { onSay({ [name]: value }); setTyped(''); }}>{text.__('Add')}</Button>
    </form>
  );
}

/** The buttons of one run. */
export function Words({ run }: { run: Run }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const words = useRunWords();
  const [tagging, setTagging] = React.useState(false);
  const [problem, attempt, busy] = useAttempt();
  const title = nameOf(run);
  const starred = run.starred === true;
  const baseline = run.baseline === true;
  const say = (said: RemarkBody): void => attempt(() => words?.say([run.id], said) ?? Promise.resolve());
  return (
    <>
      <div className="jp-mlops-run-words" role="group" aria-label={text.__('Run %1', title)}>
        <Button kind="quiet" testid="mlops-changed" leads={`compare:${run.id}`} label={text.__('What changed in %1', title)} onClick={() => actions.show('compare', run.id)}>
          <Icon mark="diff" />{text.__('What changed')}
        </Button>
        {words && (
          <>
            <Toggle on={starred} testid="mlops-star" label={text.__('Star %1', title)} disabled={busy} onClick={() => say({ starred: !starred })}><Icon mark="star" />{text.__('Star')}</Toggle>
            <Toggle on={baseline} testid="mlops-pin" label={text.__('Make %1 the baseline', title)} disabled={busy} onClick={() => say({ baseline: !baseline })}><Icon mark="pin" />{text.__('Baseline')}</Toggle>
            <Toggle on={tagging} label={text.__('Tags of %1', title)} onClick={() => setTagging(!tagging)}>{text.__('Tags…')}</Toggle>
            <Button kind="quiet" testid="mlops-delete" disabled={busy} label={text.__('Delete %1', title)} onClick={() => attempt(() => words.delete([run.id], title))}>{text.__('Delete')}</Button>
          </>
        )}
      </div>
      {tagging && words && <TagEditor tags={run.tags ?? {}} onSay={tags => say({ tags })} />}
      <ProblemNote problem={problem} />
    </>
  );
}

interface ToggleProps {
  on: boolean;
  label: string;
  onClick: () => void;
  children: React.ReactNode;
  testid?: string;
  disabled?: boolean;
}

/** A button that says whether it is on. */
export function Toggle({ on, label, onClick, children, testid, disabled = false }: ToggleProps): React.JSX.Element {
  return (
    <button type="button" className="jp-mlops-button jp-mlops-mod-quiet jp-mlops-toggle jp-Button jp-mod-minimal" aria-pressed={on} aria-label={label} data-testid={testid} disabled={disabled} onClick={onClick}>
      {children}
    </button>
  );
}
