/** The history of a cell: each of its executions, what changed in its source, what it showed, and the way back to a source. */

import * as React from 'react';

import type { CellVersion } from '../../api/schema';
import { duration } from '../../model/format';
import { HistoryModel, keyOf } from '../../model/history';
import { changedLines, lineDiff } from '../../model/difference';
import { moment } from '../../model/spans';
import { Icon, Spinner, type Mark } from '../icons';
import { LookProblem, Page, Waiting, useActions } from '../parts';
import { useText } from '../text';
import { useTab, type View } from '../view';
import { executionWord } from '../words';
import { Version } from './version';

const MARKS: Record<Exclude<CellVersion['state'], 'running'>, Mark> = {
  ok: 'check', error: 'cross', interrupted: 'minus', untracked: 'history', skipped: 'dash'
};

interface RowProps {
  version: CellVersion;
  before: CellVersion | undefined;
  newest: CellVersion;
  model: HistoryModel;
  cell: string;
  open: boolean;
  onOpen: (key: string) => void;
}

/** How the source differs from that of the execution before: `+2 −1`. */
function Difference({ version, before }: Pick<RowProps, 'version' | 'before'>): React.JSX.Element {
  const text = useText();
  const changed = React.useMemo(() => (before && version.again !== true ? changedLines(lineDiff(before.source, version.source)) : null), [version, before]);
  if (!changed) {
    return <span className="jp-mlops-muted">{before ? text.__('same source') : text.__('first seen')}</span>;
  }
  return (
    <span className="jp-mlops-changed jp-mlops-figure" title={text.__('%1 lines came, %2 went', changed.came, changed.went)}>
      <span className="jp-mlops-came">{`+${changed.came}`}</span> <span className="jp-mlops-went">{`−${changed.went}`}</span>
    </span>
  );
}

function Row(props: RowProps): React.JSX.Element {
  const { version, open, onOpen } = props;
  const text = useText();
  const id = React.useId();
  const key = keyOf(version);
  const word = executionWord(text, version.state);
  return (
    <li className="jp-mlops-run" data-testid="mlops-version" data-key={key}>
      <button type="button" className="jp-mlops-past" aria-expanded={open} aria-controls={id} data-state={version.state} onClick={() => onOpen(open ? '' : key)}>
        <Icon mark="caret" className={open ? 'jp-mlops-mod-open' : ''} />
        <span className="jp-mlops-execution-mark" title={word}>
          {version.state === 'running' ? <Spinner /> : <Icon mark={MARKS[version.state]} />}
          <span className="jp-mlops-hidden">{word}</span>
        </span>
        <span className="jp-mlops-figure">{typeof version.started === 'number' ? moment(version.started) : text.__('before tracking')}</span>
        <Difference version={version} before={props.before} />
        <span className="jp-mlops-figure jp-mlops-muted">{typeof version.seconds === 'number' ? duration(version.seconds) : ''}</span>
        {(version.error ?? '') !== '' && <span className="jp-mlops-execution-error">{version.error}</span>}
      </button>
      <div id={id} hidden={!open}>{open && <Version {...props} />}</div>
    </li>
  );
}

/** `at`: the execution that stands open at first; else the newest. */
function Versions({ versions, model, cell, at }: { versions: readonly CellVersion[]; model: HistoryModel; cell: string; at: string }): React.JSX.Element {
  const text = useText();
  const [newest] = versions;
  const shown = versions.find(version => keyOf(version) === at) ?? newest;
  const [open, setOpen] = React.useState(shown ? keyOf(shown) : '');
  const list = React.useRef<HTMLOListElement>(null);
  React.useEffect(() => {
    const rows = at === '' ? [] : [...(list.current?.querySelectorAll<HTMLElement>('[data-key]') ?? [])];
    rows.find(row => row.dataset.key === at)?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  const [onlyChanges, setOnlyChanges] = React.useState(false);
  if (!newest) {
    return <p className="jp-mlops-muted" role="status">{text.__('This cell has not run under tracking yet.')}</p>;
  }
  const repeats = versions.filter(version => version.again === true).length;
  return (
    <>
      {repeats > 0 && (
        <label className="jp-mlops-check jp-mlops-mod-flat">
          <input type="checkbox" checked={onlyChanges} onChange={event => setOnlyChanges(event.target.checked)} />
          {text._n('Leave out the one that ran the same source again', 'Leave out the %1 that ran the same source again', repeats)}
        </label>
      )}
      <ol ref={list} className="jp-mlops-runs jp-mlops-bleed" data-testid="mlops-versions" aria-label={text.__('Executions, newest first')}>
        {versions.map((version, i) =>
          onlyChanges && version.again === true ? null : (
            <Row key={keyOf(version)} version={version} before={versions[i + 1]} newest={newest} model={model} cell={cell} open={open === keyOf(version)} onOpen={setOpen} />
          )
        )}
      </ol>
    </>
  );
}

function HistoryPage({ cell, at, model }: { cell: string; at: string; model: HistoryModel }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const { history, loading, problem } = useTab(model);
  const known = history?.cell === cell ? history : null;
  const there = actions.sourceOf(cell) !== null;
  return (
    <Page title={text.__('History of a cell')}>
      <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
      {!known && loading && <Waiting>{text.__('Looking…')}</Waiting>}
      {known && (
        <>
          <p className="jp-mlops-inline">
            <span>{text.__('%1 in %2', text._n('%1 execution', '%1 executions', known.total), text._n('%1 session', '%1 sessions', known.sessions))}</span>
            {there ? (
              <button type="button" className="jp-mlops-link" onClick={() => void actions.reveal(cell)}>{text.__('Show the cell')}</button>
            ) : (
              <span className="jp-mlops-muted">{text.__('The cell is not in the open notebook.')}</span>
            )}
          </p>
          <Versions key={`${cell} ${at}`} versions={known.versions} model={model} cell={cell} at={at} />
          {known.total > known.versions.length && <p className="jp-mlops-muted jp-mlops-small">{text.__('The newest %1 are shown.', known.versions.length)}</p>}
        </>
      )}
    </Page>
  );
}

export const historyView: View = {
  id: 'history',
  tab: null,
  open: around => {
    const model = new HistoryModel(around);
    return { model, draw: ({ place }) => <HistoryPage key={place.subject} cell={place.subject} at={place.other} model={model} /> };
  }
};
