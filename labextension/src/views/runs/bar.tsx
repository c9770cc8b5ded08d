/** Above the runs: the search, list or table, which experiment, columns; what can be done with selected runs; what was deleted. */

import * as React from 'react';

import type { RunsModel, RunsState } from '../../model/runs';
import { ALL, EVERYWHERE } from '../../model/runs-charts';
import type { Column } from '../../model/runs-table';
import { Icon } from '../icons';
import { Breakable, Button, ProblemNote, useActions, useAttempt } from '../parts';
import { useText } from '../text';
import { nameOf, TagEditor, Toggle } from './words';

interface SearchProps {
  model: RunsModel;
  state: RunsState;
  total: number | null;
}

export function Search({ model, state, total }: SearchProps): React.JSX.Element {
  const text = useText();
  const id = React.useId();
  const { refused, filter } = state;
  return (
    <div className="jp-mlops-search" role="search">
      <div className="jp-mlops-search-line">
        <input
          className="jp-mod-styled jp-mlops-input"
          type="search"
          data-testid="mlops-search"
          aria-label={text.__('Search runs')}
          aria-invalid={refused !== null}
          aria-describedby={id}
          placeholder={text.__('metrics.auc > 0.9')}
          value={filter}
          spellCheck={false}
          onChange={event => model.search(event.target.value)}
        />
        {total !== null && <span className="jp-mlops-figure jp-mlops-muted jp-mlops-small" role="status">{text._n('%2 run', '%2 runs', total, total.toLocaleString('en'))}</span>}
      </div>
      <div id={id}>
        {refused && (
          <p className="jp-mlops-refused" role="alert" data-testid="mlops-refused">
            <Icon mark="warning" />
            <span>{refused.remedy === '' ? refused.message : text.__('%1. For example: %2', refused.message, refused.remedy)}</span>
          </p>
        )}
      </div>
    </div>
  );
}

interface ModesProps {
  model: RunsModel;
  state: RunsState;
  onTable: (table: boolean) => void;
  columns: React.ReactNode;
}

/** List or table, this experiment or all, the charts. */
export function Modes({ model, state, onTable, columns }: ModesProps): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const { table, everywhere, filter } = state;
  const drawn = everywhere ? EVERYWHERE : ALL;
  return (
    <div className="jp-mlops-modes">
      <div className="jp-mlops-pair" role="group" aria-label={text.__('Show runs as')}>
        <Toggle on={!table} testid="mlops-as-list" label={text.__('As a list')} onClick={() => onTable(false)}>{text.__('List')}</Toggle>
        <Toggle on={table} testid="mlops-as-table" label={text.__('As a table')} onClick={() => onTable(true)}>{text.__('Table')}</Toggle>
      </div>
      <Button kind="quiet" testid="mlops-charts" leads={`charts:${drawn}`} onClick={() => actions.show('charts', drawn, filter)}><Icon mark="chart" />{text.__('Charts')}</Button>
      {table && columns}
      <Everywhere model={model} state={state} />
    </div>
  );
}

/** Whether the runs of all experiments are meant, where the notebook has one of its own. */
export function Everywhere({ model, state }: { model: RunsModel; state: RunsState }): React.JSX.Element | null {
  const text = useText();
  return model.experiment === '' ? null : (
    <label className="jp-mlops-everywhere">
      <input type="checkbox" checked={state.everywhere} onChange={event => model.showAll(event.target.checked)} />
      {text.__('all experiments')}
    </label>
  );
}

interface ColumnsProps {
  all: readonly Column[];
  shown: ReadonlySet<string>;
  onOpen: () => Promise<void>;
  onToggle: (key: string, shown: boolean) => void;
}

/** Which columns the table has. */
export function ColumnChooser({ all, shown, onOpen, onToggle }: ColumnsProps): React.JSX.Element {
  const text = useText();
  const [open, setOpen] = React.useState(false);
  const [words, setWords] = React.useState('');
  const [problem, attempt] = useAttempt();
  const id = React.useId();
  const toggle = (): void => {
    setOpen(!open);
    if (!open) {
      attempt(onOpen);
    }
  };
  const found = all.filter(column => column.key.toLowerCase().includes(words.toLowerCase()));
  return (
    <div className="jp-mlops-columns">
      <button type="button" className="jp-mlops-button jp-mlops-mod-quiet jp-Button jp-mod-minimal" aria-expanded={open} aria-controls={id} data-testid="mlops-columns" onClick={toggle}>
        <Icon mark="columns" />{text.__('Columns')}
      </button>
      <div id={id} className="jp-mlops-columns-list" hidden={!open}>
        {open && (
          <>
            <input className="jp-mod-styled jp-mlops-input" type="search" aria-label={text.__('Search columns')} placeholder={text.__('Search columns')} value={words} onChange={event => setWords(event.target.value)} />
            <ProblemNote problem={problem} />
            <ul aria-label={text.__('Columns')} tabIndex={-1}>
              {found.map(column => (
                <li key={column.key}>
                  <label><input type="checkbox" checked={shown.has(column.key)} onChange={event => onToggle(column.key, event.target.checked)} /><span><Breakable text={column.key} /></span></label>
                </li>
              ))}
            </ul>
            {found.length === 0 && <p className="jp-mlops-muted">{text.__('No column is called so.')}</p>}
          </>
        )}
      </div>
    </div>
  );
}

/** What can be done with the selected rows. */
export function SelectedBar({ model, state }: { model: RunsModel; state: RunsState }): React.JSX.Element | null {
  const actions = useActions();
  const text = useText();
  const [tagging, setTagging] = React.useState(false);
  const [problem, attempt, busy] = useAttempt();
  const { selected, rows } = state;
  const [one, two] = [...selected].sort((a, b) => a.started - b.started);
  if (!one) {
    return null;
  }
  const ids = selected.map(line => line.id);
  const starred = selected.every(line => line.starred === true);
  const { baseline } = rows;
  const label = selected.length === 1 ? nameOf(one) : text.__('%1 runs', selected.length);
  return (
    <div className="jp-mlops-selected" role="toolbar" aria-label={text.__('Selected runs')} data-testid="mlops-selected">
      <span className="jp-mlops-small">{text.__('%1 selected', selected.length)}</span>
      {two && selected.length === 2 && <Button testid="mlops-compare" leads={`compare:${two.id}`} onClick={() => actions.show('compare', two.id, one.id)}>{text.__('Compare')}</Button>}
      {selected.length === 1 && baseline && baseline.id !== one.id && <Button leads={`compare:${one.id}`} onClick={() => actions.show('compare', one.id, baseline.id)}>{text.__('Compare with baseline')}</Button>}
      {selected.length === 1 && <Button leads={`compare:${one.id}`} onClick={() => actions.show('compare', one.id)}>{text.__('What changed')}</Button>}
      <Button leads={`charts:${ids.join(',')}`} onClick={() => actions.show('charts', ids.join(','))}>{text.__('Charts')}</Button>
      <Toggle on={starred} label={text.__('Star the selected runs')} disabled={busy} onClick={() => attempt(() => model.say(ids, { starred: !starred }))}><Icon mark="star" />{text.__('Star')}</Toggle>
      {selected.length === 1 && <Toggle on={one.baseline === true} testid="mlops-pin" label={text.__('Make the selected run the baseline')} disabled={busy} onClick={() => attempt(() => model.say(ids, { baseline: one.baseline !== true }))}><Icon mark="pin" />{text.__('Baseline')}</Toggle>}
      <Toggle on={tagging} label={text.__('Tag the selected runs')} onClick={() => setTagging(!tagging)}>{text.__('Tags…')}</Toggle>
      <Button kind="quiet" testid="mlops-delete" disabled={busy} onClick={() => attempt(() => model.delete(ids, label))}>{text.__('Delete')}</Button>
      <Button kind="quiet" label={text.__('Select none')} onClick={() => model.clear()}><Icon mark="cross" /></Button>
      {tagging && <TagEditor tags={selected.length === 1 ? (one.tags ?? {}) : {}} onSay={tags => attempt(() => model.say(ids, { tags }))} />}
      <ProblemNote problem={problem} />
    </div>
  );
}

/** What was deleted last, with the way back. */
export function Deleted({ model, state }: { model: RunsModel; state: RunsState }): React.JSX.Element {
  const text = useText();
  const [problem, attempt, busy] = useAttempt();
  const { undo } = state;
  return (
    <div role="status" className="jp-mlops-deleted-place">
      {undo && (
        <p className="jp-mlops-note jp-mlops-deleted" data-testid="mlops-deleted">
          <span>{text.__('Deleted %1.', undo.label)}</span>
          <Button disabled={busy} testid="mlops-undo" onClick={() => attempt(() => model.undo())}>{text.__('Undo')}</Button>
        </p>
      )}
      <ProblemNote problem={problem} />
    </div>
  );
}
