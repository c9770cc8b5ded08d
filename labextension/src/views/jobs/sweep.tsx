/** The table of a sweep: each run with what differed and what came out, sortable, the best one marked. */

import * as React from 'react';

import type { SweepChild, SweepTable, Task } from '../../api/schema';
import { duration, number, scalar } from '../../model/format';
import { progressOf, SweepModel } from '../../model/sweep';
import type { PanelState } from '../../model/state';
import { moment } from '../../model/spans';
import { Icon } from '../icons';
import { Breakable, Button, LookProblem, Page, ProblemNote, Waiting, useActions, useAttempt } from '../parts';
import { useText } from '../text';
import { useTab, type View } from '../view';
import { StateChip } from './handover';

const FIRST = 200;

interface Sorting {
  readonly by: string;
  readonly down: boolean;
}

type Cell = string | number | null;

/** What a column shows of a child, for sorting: `#`, `seconds`, `state`, `p:NAME`, `m:NAME`. */
function valueOf(child: SweepChild, column: string): Cell {
  const name = column.slice(2);
  if (column.startsWith('m:')) {
    return child.metrics?.[name] ?? null;
  }
  if (column.startsWith('p:')) {
    const value = child.parameters[name];
    return typeof value === 'number' ? value : value === undefined ? null : scalar(value);
  }
  return column === '#' ? child.number : column === 'state' ? child.state : (child.seconds ?? null);
}

/** Sorted; what has no value comes last, whichever way. */
export function sorted(children: readonly SweepChild[], { by, down }: Sorting): SweepChild[] {
  if (by === '') {
    return [...children];
  }
  const sign = down ? -1 : 1;
  return [...children].sort((a, b) => {
    const [left, right] = [valueOf(a, by), valueOf(b, by)];
    if (left === null || right === null) {
      return left === right ? a.number - b.number : left === null ? 1 : -1;
    }
    const order = typeof left === 'number' && typeof right === 'number' ? left - right : String(left).localeCompare(String(right));
    return order === 0 ? a.number - b.number : sign * order;
  });
}

function Head({ column, label, sorting, onSort }: { column: string; label: string; sorting: Sorting; onSort: (sorting: Sorting) => void }): React.JSX.Element {
  const mine = sorting.by === column;
  return (
    <th scope="col" aria-sort={mine ? (sorting.down ? 'descending' : 'ascending') : 'none'}>
      <button type="button" className="jp-mlops-sort" onClick={() => onSort({ by: column, down: mine ? !sorting.down : column.startsWith('m:') })}>
        <Breakable text={label} />{mine && <span aria-hidden="true">{sorting.down ? ' ↓' : ' ↑'}</span>}
      </button>
    </th>
  );
}

function Row({ child, table, best }: { child: SweepChild; table: SweepTable; best: boolean }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const wrong = [typeof child.cell === 'number' ? text.__('cell %1', child.cell) : '', child.error ?? ''].filter(part => part !== '').join(': ');
  return (
    <tr data-best={best} data-state={child.state}>
      <th scope="row" className="jp-mlops-figure">
        {(child.run ?? '') === '' ? child.number : <button type="button" className="jp-mlops-sort" aria-label={text.__('Show the run of child %1', child.number)} data-leads={`run:${child.run ?? ''}`} onClick={() => actions.show('run', child.run)}>{child.number}</button>}
        {best && <><Icon mark="check" /><span className="jp-mlops-hidden">{text.__('best')}</span></>}
      </th>
      {table.varied.map(name => <td key={name} className="jp-mlops-figure">{scalar(child.parameters[name])}</td>)}
      {(table.metrics ?? []).map(name => <td key={name} className="jp-mlops-figure">{child.metrics?.[name] === undefined ? '' : number(child.metrics[name])}</td>)}
      <td className="jp-mlops-figure">{(child.seconds ?? 0) > 0 ? duration(child.seconds ?? 0) : ''}</td>
      <td>{child.state === 'waiting' ? <span className="jp-mlops-muted">{text.__('waiting')}</span> : child.state === 'succeeded' ? <span className="jp-mlops-muted">{text.__('succeeded')}</span> : <StateChip state={child.state} />}{wrong !== '' && <p className="jp-mlops-why">{wrong}</p>}</td>
    </tr>
  );
}

function Table({ table }: { table: SweepTable }): React.JSX.Element {
  const text = useText();
  const [sorting, setSorting] = React.useState<Sorting>({ by: '', down: false });
  const [most, setMost] = React.useState(FIRST);
  const rows = React.useMemo(() => sorted(table.children ?? [], sorting), [table.children, sorting]);
  const head = (column: string, label: string): React.JSX.Element => <Head key={column} column={column} label={label} sorting={sorting} onSort={setSorting} />;
  return (
    <>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="jp-mlops-scroll" role="region" aria-label={text.__('Runs of the sweep')} tabIndex={0}>
        <table className="jp-mlops-table jp-mlops-sweep" data-testid="mlops-sweep-table">
          <thead>
            <tr>
              {head('#', '#')}
              {table.varied.map(name => head(`p:${name}`, name))}
              {(table.metrics ?? []).map(name => head(`m:${name}`, name))}
              {head('seconds', text.__('time'))}
              {head('state', text.__('state'))}
            </tr>
          </thead>
          <tbody>{rows.slice(0, most).map(child => <Row key={child.number} child={child} table={table} best={child.number === table.best} />)}</tbody>
        </table>
      </div>
      {rows.length > most && <Button kind="quiet" onClick={() => setMost(most * 5)}>{text.__('%1 more', rows.length - most)}</Button>}
    </>
  );
}

function Progress({ table, task, model, folder }: { table: SweepTable; task: Task | undefined; model: SweepModel; folder: string }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [problem, attempt, busy] = useAttempt();
  const { ended, succeeded } = progressOf(table);
  const running = task !== undefined;
  const words = [
    text.__('%1 of %2 have ended', ended, table.total),
    ended > succeeded ? text.__('%1 without success', ended - succeeded) : '',
    table.stopped ?? '',
    (table.runner ?? '') === '' ? '' : text.__('on %1', table.runner ?? '')
  ];
  return (
    <div className="jp-mlops-block">
      <p className="jp-mlops-figure" role="status">{words.filter(part => part !== '').join(' · ')}</p>
      {ended < table.total && <progress className="jp-mlops-bar" aria-label={text.__('Progress')} max={table.total} value={ended} />}
      <div className="jp-mlops-buttons jp-mlops-above">
        {running && <Button testid="mlops-cancel-sweep" disabled={busy} onClick={() => attempt(() => actions.cancel(task.id))}>{text.__('Cancel the sweep')}</Button>}
        {!running && succeeded < table.total && (
          <Button testid="mlops-resume-sweep" disabled={busy} onClick={() => attempt(async () => {
            await model.resume(folder, table.id);
            actions.refresh();
          })}>{text.__('Run the other %1', table.total - succeeded)}</Button>
        )}
      </div>
      <ProblemNote problem={problem} />
    </div>
  );
}

function Best({ table, model, minimize }: { table: SweepTable; model: SweepModel; minimize: boolean }): React.JSX.Element | null {
  const text = useText();
  const id = React.useId();
  const metrics = table.metrics ?? [];
  if (metrics.length === 0) {
    return null;
  }
  const chosen = table.metric ?? '';
  return (
    <div className="jp-mlops-inline">
      <label htmlFor={id}>{text.__('Best by')}</label>
      <select id={id} className="jp-mlops-select jp-mlops-input" value={chosen} onChange={event => model.order(event.target.value, minimize)}>
        {metrics.map(name => <option key={name} value={name}>{name}</option>)}
      </select>
      <label className="jp-mlops-check jp-mlops-mod-flat">
        <input type="checkbox" checked={minimize} onChange={event => model.order(chosen, event.target.checked)} />
        {text.__('the least')}
      </label>
    </div>
  );
}

function SweepPage({ folder, panel, model }: { folder: string; panel: PanelState; model: SweepModel }): React.JSX.Element {
  const text = useText();
  const { table, minimize, loading, problem } = useTab(model);
  const task = panel.tasks.find(one => one.kind === 'sweep' && one.subject === folder && one.state === 'running');
  return (
    <Page title={table ? text.__('Sweep of %1', table.name) : text.__('Sweep')} about={table ? `${table.folder} · ${moment(table.created)}` : folder}>
      <LookProblem problem={problem} onAgain={() => model.refresh(0)} />
      {!table && loading && <Waiting>{text.__('Looking…')}</Waiting>}
      {table && (
        <>
          <Progress table={table} task={task} model={model} folder={folder} />
          <Best table={table} model={model} minimize={minimize} />
          <Table table={table} />
        </>
      )}
    </Page>
  );
}

export const sweepView: View = {
  id: 'sweep',
  tab: null,
  open: around => {
    const model = new SweepModel(around);
    return { model, draw: ({ place, panel }) => <SweepPage folder={place.subject} panel={panel} model={model} /> };
  }
};
