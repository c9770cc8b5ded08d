/** The session live: each cell execution as it runs. A click leads to its cell, and shows what it made. */

import { useVirtualizer } from '@tanstack/react-virtual';
import * as React from 'react';

import type { ExecutionRow, StaleCell } from '../api/schema';
import type { ExecutionState } from '../api/states';
import { bytes, duration } from '../model/format';
import { Icon, Spinner, type Mark } from './icons';
import { Breakable, Button, useActions, useNow } from './parts';
import { useText, type Text } from './text';
import { executionWord } from './words';

/** More rows than these are drawn only where they are in sight. */
const MANY = 120;
const ROW = 24;
const OVERSCAN = 12;
/** Growth in memory, in bytes, from which on it is worth a word. */
const NOTABLE = 10e6;

const MARKS: Record<Exclude<ExecutionState, 'running'>, Mark> = {
  ok: 'check',
  error: 'cross',
  interrupted: 'minus',
  untracked: 'history',
  skipped: 'dash'
};

/** A kind of staleness, in a word or two. */
export function staleWords(kind: string, text: Text): string {
  const words: Partial<Record<string, string>> = {
    edited: text.__('edited'),
    'never run': text.__('never run'),
    failed: text.__('failed'),
    upstream: text.__('upstream'),
    order: text.__('out of order'),
    deleted: text.__('deleted cell'),
    file: text.__('file'),
    environment: text.__('environment'),
    rebuild: text.__('changed since')
  };
  return words[kind] ?? kind;
}

function Time({ row }: { row: ExecutionRow }): React.JSX.Element {
  const running = row.state === 'running';
  const now = useNow(running);
  const started = row.started ?? null;
  const seconds = running && started !== null ? Math.max(0, now - started) : (row.seconds ?? null);
  return <span className="jp-mlops-figure jp-mlops-execution-time">{seconds === null ? '' : duration(seconds)}</span>;
}

/** What a cell made, and the way to its history. */
function Details({ row, grown }: { row: ExecutionRow; grown: number }): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const facts = [
    row.memory !== null ? text.__('memory %1', bytes(row.memory)) + (grown >= NOTABLE ? ` (+${bytes(grown)})` : '') : '',
    row.outputs_count > 0 ? text._n('%1 output', '%1 outputs', row.outputs_count) : '',
    ...row.opaque
  ].filter(part => part !== '');
  return (
    <div className="jp-mlops-execution-details" data-testid="mlops-execution-details">
      {row.wrote.length > 0 && <p>{text.__('wrote')} <code><Breakable text={row.wrote.join(', ')} /></code></p>}
      {facts.length > 0 && <p className="jp-mlops-muted">{facts.join(' · ')}</p>}
      {row.cell !== '' && (
        <Button kind="quiet" leads={`history:${row.cell}`} testid="mlops-history" onClick={() => actions.show('history', row.cell)}>
          {text.__('History of this cell')}
        </Button>
      )}
    </div>
  );
}

interface RowProps {
  row: ExecutionRow;
  stale: StaleCell | undefined;
  open: boolean;
  /** Bytes by which memory had grown by its end. */
  grown: number;
  onOpen: (row: ExecutionRow) => void;
}

const Row = React.memo(function Row({ row, stale, open, grown, onOpen }: RowProps): React.JSX.Element {
  const text = useText();
  const mark = row.state === 'running' ? null : MARKS[row.state];
  const said = executionWord(text, row.state);
  const reason = stale?.reason ?? '';
  const words = stale ? text.__('%1; no longer holds: %2', said, reason) : said;
  return (
    <>
      <button
        type="button"
        className="jp-mlops-execution"
        data-testid="mlops-execution"
        data-n={row.n}
        data-state={row.state}
        data-stale={stale !== undefined}
        aria-expanded={open}
        title={stale ? text.__('No longer holds: %1', reason) : text.__('Show this cell in the notebook')}
        onClick={() => onOpen(row)}
      >
        <span className="jp-mlops-n">{row.n}</span>
        <span className="jp-mlops-execution-mark" title={words}>
          {mark ? <Icon mark={stale && row.state === 'ok' ? 'history' : mark} /> : <Spinner />}
          <span className="jp-mlops-hidden">{words}</span>
        </span>
        <span className="jp-mlops-execution-what">
          <code className="jp-mlops-execution-line">{row.first_line}</code>
          {stale && <span className="jp-mlops-execution-stale" aria-hidden="true">{staleWords(stale.kind ?? '', text)}</span>}
        </span>
        <Time row={row} />
        {row.error && <span className="jp-mlops-execution-error">{row.error}</span>}
      </button>
      {open && <Details row={row} grown={grown} />}
    </>
  );
});

/** Keeps the newest row in sight, unless the user has scrolled away from it. */
function useFollow(length: number): React.RefObject<HTMLOListElement> {
  const list = React.useRef<HTMLOListElement>(null);
  const away = React.useRef(false);
  React.useEffect(() => {
    const element = list.current;
    const onScroll = (): void => {
      away.current = element !== null && element.scrollHeight - element.scrollTop - element.clientHeight > 40;
    };
    const follow = (): void => {
      if (element && !away.current) {
        element.scrollTop = element.scrollHeight;
      }
    };
    // The panel may be hidden when the first rows come; it is resized when it is shown.
    const observer = new ResizeObserver(follow);
    if (element) {
      observer.observe(element);
      element.addEventListener('scroll', onScroll, { passive: true });
    }
    return () => {
      observer.disconnect();
      element?.removeEventListener('scroll', onScroll);
    };
  }, []);
  React.useEffect(() => {
    if (list.current && !away.current) {
      list.current.scrollTop = list.current.scrollHeight;
    }
  }, [length]);
  return list;
}

interface ExecutionsProps {
  rows: readonly ExecutionRow[];
  /** n → what no longer holds of that execution. */
  stale: ReadonlyMap<number, StaleCell>;
}

interface Drawn {
  rows: readonly ExecutionRow[];
  draw: (at: number) => React.JSX.Element | null;
  list: React.RefObject<HTMLOListElement>;
}

/** Only the rows in sight, between two gaps as high as the others. */
function Windowed({ rows, draw, list }: Drawn): React.JSX.Element {
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => list.current,
    estimateSize: () => ROW,
    overscan: OVERSCAN,
    getItemKey: at => rows[at]?.n ?? at
  });
  // React gives the list its element after its rows have asked for it: without a second look, none is drawn until something changes.
  const [, again] = React.useReducer((times: number) => times + 1, 0);
  React.useEffect(() => again(), []);
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <>
      <li role="presentation" style={{ height: before }} />
      {items.map(item => (
        <li key={item.key} data-index={item.index} ref={virtual.measureElement} aria-setsize={rows.length} aria-posinset={item.index + 1}>
          {draw(item.index)}
        </li>
      ))}
      <li role="presentation" style={{ height: Math.max(0, after) }} />
    </>
  );
}

export function Executions({ rows, stale }: ExecutionsProps): React.JSX.Element {
  const actions = useActions();
  const text = useText();
  const [gone, setGone] = React.useState(0);
  const [opened, setOpened] = React.useState(0);
  const list = useFollow(rows.length);
  const onOpen = React.useCallback(
    (row: ExecutionRow): void => {
      setOpened(before => (before === row.n ? 0 : row.n));
      void actions.reveal(row.cell).then(found => setGone(found ? 0 : row.n));
    },
    [actions]
  );
  const draw = (at: number): React.JSX.Element | null => {
    const row = rows[at];
    const before = rows[at - 1]?.memory ?? row?.memory ?? 0;
    return row ? <Row row={row} stale={stale.get(row.n)} open={opened === row.n} grown={(row.memory ?? 0) - before} onOpen={onOpen} /> : null;
  };
  return (
    <>
      <ol className="jp-mlops-executions" data-testid="mlops-executions" aria-label={text.__('Cell executions')} ref={list}>
        {rows.length > MANY ? <Windowed rows={rows} draw={draw} list={list} /> : rows.map((row, at) => <li key={row.n}>{draw(at)}</li>)}
      </ol>
      {rows.length === 0 && <p className="jp-mlops-nothing">{text.__('Run a cell: it appears here as it runs.')}</p>}
      <p className="jp-mlops-gone jp-mlops-muted" role="status">
        {gone > 0 ? text.__('The cell of execution %1 is no longer in the notebook.', gone) : ''}
      </p>
    </>
  );
}
