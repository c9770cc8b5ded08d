/** The head and the rows of the table of runs. A row that has not changed is not drawn again while the table scrolls. */

import * as React from 'react';

import type { RunLine } from '../../api/schema';
import type { RunsModel } from '../../model/runs';
import { cellText, difference, type Column, type Order } from '../../model/runs-table';
import { Icon, Spinner } from '../icons';
import { useActions } from '../parts';
import { useText, type Text } from '../text';
import { nameOf } from './words';

interface HeadProps {
  columns: readonly Column[];
  order: Order | null;
  template: string;
  width: number;
  onSort: (key: string) => void;
}

/** Metrics and params are called what they are called; the other columns say what they show. */
function columnName(text: Text, column: Column): string {
  switch (column.kind) {
    case 'metric':
    case 'param':
    case 'run': return column.name;
    case 'experiment': return text.__('experiment');
    case 'verdict': return text.__('verified');
    case 'tags': return text.__('tags');
    case 'seconds': return text.__('time');
    case 'started': return text.__('started');
  }
}

function HeadCell({ column, order, onSort, at }: { column: Column; order: Order | null; onSort: (key: string) => void; at: number }): React.JSX.Element {
  const text = useText();
  const mine = order?.column === column.key ? order : null;
  const sorted = mine === null ? 'none' : mine.down ? 'descending' : 'ascending';
  const name = <span className="jp-mlops-grid-name">{columnName(text, column)}</span>;
  return (
    <div role="columnheader" aria-colindex={at} aria-sort={column.sortable ? sorted : undefined} className="jp-mlops-grid-cell" data-kind={column.kind} data-number={column.isNumber} title={column.key}>
      {column.sortable ? (
        <button type="button" onClick={() => onSort(column.key)} data-sort={column.key}>
          {name}
          {mine && <Icon mark={mine.down ? 'down' : 'up'} />}
        </button>
      ) : name}
    </div>
  );
}

export function Head({ columns, order, template, width, onSort }: HeadProps): React.JSX.Element {
  const text = useText();
  const number: Column = { key: 'number', kind: 'run', name: text.__('run'), sortable: true, isNumber: false, width: 0 };
  return (
    <div role="rowgroup" className="jp-mlops-grid-head" style={{ width }}>
      <div role="row" aria-rowindex={1} className="jp-mlops-grid-row" style={{ gridTemplateColumns: template }}>
        <HeadCell column={number} order={order} onSort={onSort} at={1} />
        {columns.map((column, i) => <HeadCell key={column.key} column={column} order={order} onSort={onSort} at={i + 2} />)}
      </div>
    </div>
  );
}

interface RowProps {
  id: string;
  index: number;
  top: number;
  line: RunLine | undefined;
  columns: readonly Column[];
  template: string;
  baseline: RunLine | null;
  selected: boolean;
  active: boolean;
  /** Whether a cell of its session is running, as far as is known. */
  busy: boolean;
  model: RunsModel;
  onActive: (index: number) => void;
}

/** How it ended. A run stays open for what may still come; it turns only while something runs. */
function State({ line, busy }: { line: RunLine; busy: boolean }): React.JSX.Element | null {
  const text = useText();
  const words = { open: busy ? text.__('running') : '', finished: '', failed: text.__('failed'), interrupted: text.__('interrupted') }[line.state];
  if (words === '') {
    return null;
  }
  return (
    <span className="jp-mlops-grid-state" data-state={line.state} title={words}>
      {line.state === 'open' ? <Spinner /> : <Icon mark={line.state === 'failed' ? 'cross' : 'minus'} />}
      <span className="jp-mlops-hidden">{words}</span>
    </span>
  );
}

/** Who it is: selected or not, starred or not, number, title. The controls are for the pointer; the keyboard has the grid's keys. */
function Lead({ line, selected, busy, model }: { line: RunLine; selected: boolean; busy: boolean; model: RunsModel }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const starred = line.starred === true;
  const name = nameOf(line);
  return (
    <div role="rowheader" aria-colindex={1} className="jp-mlops-grid-cell jp-mlops-grid-lead">
      <input type="checkbox" tabIndex={-1} checked={selected} aria-label={text.__('Select %1', name)} onChange={() => model.select(line)} />
      <button type="button" tabIndex={-1} className="jp-mlops-grid-star" aria-pressed={starred} aria-label={text.__('Star %1', name)} onClick={() => void model.say([line.id], { starred: !starred })}>
        <Icon mark="star" />
      </button>
      <button type="button" tabIndex={-1} className="jp-mlops-grid-title" data-leads={`run:${line.id}`} title={name} onClick={() => actions.show('run', line.id)}>
        <span className="jp-mlops-run-number">{`#${line.number}`}</span>
        <span className="jp-mlops-grid-words">{line.title}</span>
      </button>
      {line.baseline === true && <span title={text.__('The baseline')}><Icon mark="pin" /><span className="jp-mlops-hidden">{text.__('the baseline')}</span></span>}
      <State line={line} busy={busy} />
    </div>
  );
}

function Cell({ line, column, baseline, at }: { line: RunLine; column: Column; baseline: RunLine | null; at: number }): React.JSX.Element {
  const text = cellText(line, column);
  const delta = difference(line, column, baseline);
  return (
    <div role="gridcell" aria-colindex={at} className="jp-mlops-grid-cell" data-number={column.isNumber} data-kind={column.kind} title={text}>
      {delta !== '' && <span className="jp-mlops-grid-delta">{delta}</span>}
      <span className="jp-mlops-grid-value">{text}</span>
    </div>
  );
}

export const Row = React.memo(function Row({ id, index, top, line, columns, template, baseline, selected, active, busy, model, onActive }: RowProps): React.JSX.Element {
  return (
    // The grid has the keyboard: see RunTable.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div
      role="row"
      id={id}
      aria-rowindex={index + 2}
      aria-selected={selected}
      className="jp-mlops-grid-row"
      data-active={active}
      data-testid="mlops-row"
      data-run={line?.id}
      style={{ gridTemplateColumns: template, transform: `translateY(${top}px)` }}
      onClick={() => onActive(index)}
    >
      {line ? (
        <>
          <Lead line={line} selected={selected} busy={busy} model={model} />
          {columns.map((column, i) => <Cell key={column.key} line={line} column={column} baseline={baseline} at={i + 2} />)}
        </>
      ) : <div role="rowheader" aria-colindex={1} className="jp-mlops-grid-cell jp-mlops-grid-lead jp-mlops-muted">…</div>}
    </div>
  );
});
