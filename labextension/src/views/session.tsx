/** The session live: each cell execution as it runs. A click leads to its cell. */

import * as React from 'react';

import type { ExecutionRow } from '../api/schema';
import type { ExecutionState } from '../api/states';
import { duration } from '../model/format';
import { Icon, Spinner, type Mark } from './icons';
import { useActions, useNow } from './parts';

const MARKS: Record<Exclude<ExecutionState, 'running'>, { mark: Mark; words: string }> = {
  ok: { mark: 'check', words: 'done' },
  error: { mark: 'cross', words: 'failed' },
  interrupted: { mark: 'minus', words: 'interrupted' },
  untracked: { mark: 'history', words: 'ran before tracking' },
  skipped: { mark: 'dash', words: 'not recorded' }
};

function Time({ row }: { row: ExecutionRow }): React.JSX.Element {
  const running = row.state === 'running';
  const now = useNow(running);
  const started = row.started ?? null;
  const seconds = running && started !== null ? Math.max(0, now - started) : (row.seconds ?? null);
  return <span className="jp-mlops-figure jp-mlops-execution-time">{seconds === null ? '' : duration(seconds)}</span>;
}

/** `stale`: why its results no longer hold, "" if they do. */
function Row({ row, stale, onGone }: { row: ExecutionRow; stale: string; onGone: (n: number) => void }): React.JSX.Element {
  const actions = useActions();
  const known = row.state === 'running' ? null : MARKS[row.state];
  const words = stale === '' ? (known?.words ?? 'running') : `${known?.words ?? 'running'}; no longer holds: ${stale}`;
  const show = (): void => {
    void actions.reveal(row.cell).then(found => onGone(found ? 0 : row.n));
  };
  return (
    <li>
      <button
        type="button"
        className="jp-mlops-execution"
        data-testid="mlops-execution"
        data-n={row.n}
        data-state={row.state}
        data-stale={stale !== ''}
        title={stale === '' ? 'Show this cell in the notebook' : `No longer holds: ${stale}`}
        onClick={show}
      >
        <span className="jp-mlops-n">{row.n}</span>
        <span className="jp-mlops-execution-mark" title={words}>
          {known ? <Icon mark={stale !== '' && row.state === 'ok' ? 'history' : known.mark} /> : <Spinner />}
          <span className="jp-mlops-hidden">{words}</span>
        </span>
        <code className="jp-mlops-execution-line">{row.first_line}</code>
        <Time row={row} />
        {row.error && <span className="jp-mlops-execution-error">{row.error}</span>}
      </button>
    </li>
  );
}

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
  /** n → why the results of that execution no longer hold. */
  stale: ReadonlyMap<number, string>;
}

export function Executions({ rows, stale }: ExecutionsProps): React.JSX.Element {
  const [gone, setGone] = React.useState(0);
  const list = useFollow(rows.length);
  return (
    <>
      <ol className="jp-mlops-executions" data-testid="mlops-executions" aria-label="Cell executions" ref={list}>
        {rows.map(row => (
          <Row key={row.n} row={row} stale={stale.get(row.n) ?? ''} onGone={setGone} />
        ))}
      </ol>
      {rows.length === 0 && <p className="jp-mlops-nothing">Run a cell: it appears here as it runs.</p>}
      <p className="jp-mlops-gone jp-mlops-muted" role="status">
        {gone > 0 ? `The cell of execution ${gone} is no longer in the notebook.` : ''}
      </p>
    </>
  );
}
