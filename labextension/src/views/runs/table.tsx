/**
 * The runs as a table of any length: only the rows in sight are drawn, and asked for.
 *
 * The keyboard goes along rows (arrows, Page Up and Down, Home, End), opens one (Enter), selects it (Space) or stars it (s); what
 * is done with selected rows is in the bar above.
 */

import * as React from 'react';

import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';

import type { RunLine } from '../../api/schema';
import { lineOf, type RunsModel, type RunsState } from '../../model/runs';
import type { Column } from '../../model/runs-table';
import { useActions } from '../parts';
import { useText } from '../text';
import { Head, Row } from './rows';
import { nameOf } from './words';

export const ROW = 28;
const SPARE = 4;
const LEAD = 220;
const LEAD_NARROW = 150;
/** Pixels from which on a table is the first thing shown, and its first column is wider. */
export const ROOM = 480;
const SCROLLBAR = 18;

interface TableProps {
  model: RunsModel;
  state: RunsState;
  columns: readonly Column[];
  /** Pixels that there are. */
  room: number;
  /** Whether a cell of a session is running. */
  busy: (session: string) => boolean;
  /** Which runs, in which order: another one begins at its top. */
  about: string;
}

/** How far a key goes along the rows; undefined for other keys. */
function step(key: string, at: number, total: number, page: number): number | undefined {
  switch (key) {
    case 'ArrowDown': return at + 1;
    case 'ArrowUp': return at - 1;
    case 'PageDown': return at + page;
    case 'PageUp': return at - page;
    case 'Home': return 0;
    case 'End': return total - 1;
    default: return undefined;
  }
}

interface Keys {
  onKeyDown: (event: React.KeyboardEvent) => void;
  active: number;
  setActive: (index: number) => void;
}

function useKeys(model: RunsModel, state: RunsState, scrollTo: (index: number) => void, page: number): Keys {
  const actions = useActions();
  const [active, setActive] = React.useState(0);
  const { total } = state.rows;
  const act = (key: string, line: RunLine): boolean => {
    if (key === 'Enter') {
      actions.show('run', line.id);
    } else if (key === ' ') {
      model.select(line);
    } else if (key === 's') {
      void model.say([line.id], { starred: line.starred !== true });
    } else {
      return false;
    }
    return true;
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const to = step(event.key, active, total, page);
    const line = lineOf(state, active);
    if (to !== undefined) {
      const index = Math.min(total - 1, Math.max(0, to));
      setActive(index);
      scrollTo(index);
    } else if (!line || !act(event.key, line)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return { onKeyDown, active: Math.min(active, Math.max(0, total - 1)), setActive };
}

/**
 * The rows in sight, asked of the model as they come; back at the top where the table is about others. A row that leaves at one end
 * comes in again at the other, in one of `slots`: elements that are there already cost least.
 */
function useRows(model: RunsModel, total: number, about: string): { box: React.RefObject<HTMLDivElement>; virtual: Virtualizer<HTMLDivElement, Element>; first: number; last: number; slots: number } {
  const box = React.useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: total, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: SPARE, scrollPaddingStart: ROW + 4
  });
  const shown = virtual.getVirtualItems();
  const first = shown[0]?.index ?? 0;
  const last = shown.at(-1)?.index ?? 0;
  React.useEffect(() => model.want(first, last), [model, first, last, total]);
  React.useEffect(() => {
    if (box.current) {
      box.current.scrollTop = 0;
    }
  }, [about]);
  const slots = React.useRef(1);
  slots.current = Math.max(slots.current, shown.length + 1);
  return { box, virtual, first, last, slots: slots.current };
}

export function RunTable({ model, state, columns, room, busy, about }: TableProps): React.JSX.Element {
  const text = useText();
  const id = React.useId();
  const { rows } = state;
  const { box, virtual, first, last, slots } = useRows(model, rows.total, about);
  const page = Math.max(1, last - first - 2 * SPARE);
  const keys = useKeys(model, state, index => virtual.scrollToIndex(index), page);
  const others = columns.reduce((sum, column) => sum + column.width, 0);
  // What the other columns leave is the name's.
  const lead = Math.max(room < ROOM ? LEAD_NARROW : LEAD, room - others - SCROLLBAR);
  const template = `${lead}px ${columns.map(column => `${column.width}px`).join(' ')}`;
  const width = lead + others;
  const selected = new Set(state.selected.map(line => line.id));
  const here = lineOf(state, keys.active);
  return (
    <>
      <div
        ref={box}
        className="jp-mlops-grid"
        role="grid"
        tabIndex={0}
        data-testid="mlops-table"
        aria-label={text.__('Runs: arrows go along, Enter opens, Space selects, s stars')}
        aria-rowcount={rows.total + 1}
        aria-colcount={columns.length + 1}
        aria-multiselectable="true"
        aria-activedescendant={here && keys.active >= first && keys.active <= last ? `${id}-${keys.active}` : undefined}
        onKeyDown={keys.onKeyDown}
      >
        <Head columns={columns} order={rows.order} template={template} width={width} onSort={key => model.sort(key)} />
        <div role="rowgroup" className="jp-mlops-grid-body" style={{ height: virtual.getTotalSize(), width }}>
          {virtual.getVirtualItems().map(item => {
            const line = lineOf(state, item.index);
            return (
              <Row
                key={item.index % slots}
                id={`${id}-${item.index}`}
                index={item.index}
                top={item.start}
                line={line}
                columns={columns}
                template={template}
                baseline={rows.baseline}
                selected={line !== undefined && selected.has(line.id)}
                active={item.index === keys.active}
                busy={line?.state === 'open' && busy(line.session)}
                model={model}
                onActive={keys.setActive}
              />
            );
          })}
        </div>
      </div>
      <p className="jp-mlops-hidden" role="status">{here ? text.__('Row %1: %2', keys.active + 1, nameOf(here)) : ''}</p>
    </>
  );
}
